#include "gateway/core/view_cache.h"

#include <cstring>

#include "proto/deflate.h"
#include "wire/fabric.pb.h"

namespace postern::gateway {
namespace {

constexpr std::string_view kMagic = "PSTVIEW2";
constexpr std::string_view kWithoutSource = "PSTVIEW1";
constexpr std::size_t kInflatedLimit = 1u << 30;

void put_u64(std::string& out, std::uint64_t value) {
  for (int shift = 0; shift < 64; shift += 8) out += static_cast<char>(value >> shift & 0xff);
}

class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}
  std::uint64_t u64() {
    const auto raw = take(8);
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < raw.size(); ++i) value |= std::uint64_t(static_cast<unsigned char>(raw[i])) << (8 * i);
    return value;
  }
  std::string_view text() { return take(u64()); }
  std::string_view take(std::uint64_t size) {
    if (size > rest_.size()) {
      good_ = false;
      return {};
    }
    const auto out = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return out;
  }
  bool finished() const { return good_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool good_ = true;
};

void put_text(std::string& out, std::string_view text) {
  put_u64(out, text.size());
  out += text;
}

}  // namespace

std::string encode_cached_view(const CachedView& cached) {
  wire::SnapshotBegin tags;
  for (const auto& [id, info] : cached.view.tags()) tags.add_tags()->ParseFromString(info);
  wire::ViewEntryList entries;
  for (const auto& [uid, entry] : cached.view.entries()) entries.add_entries(entry);
  std::string out(kMagic);
  put_u64(out, cached.epoch);
  put_u64(out, cached.revision);
  put_u64(out, static_cast<std::uint64_t>(to_unix_ms(cached.contact.wall)));
  put_u64(out, static_cast<std::uint64_t>(cached.contact.mono.time_since_epoch().count()));
  put_text(out, cached.boot_id);
  put_text(out, cached.source);
  put_u64(out, cached.view.entries().size());
  put_text(out, as_text(cached.view.digest()));
  put_text(out, tags.SerializeAsString());
  put_text(out, proto::deflate_text(entries.SerializeAsString()));
  return out;
}

Result<CachedView> decode_cached_view(std::string_view bytes) {
  const auto damaged = [] { return fail(ErrorCode::kDataLoss, "the kept view is damaged"); };
  if (bytes.starts_with(kWithoutSource)) {
    return fail(ErrorCode::kUnsupported, "the kept view is of an earlier version, and doesn't say which EMS's it is");
  }
  if (!bytes.starts_with(kMagic)) return damaged();
  Reader in(bytes.substr(kMagic.size()));
  CachedView cached;
  cached.epoch = in.u64();
  cached.revision = in.u64();
  cached.contact.wall = from_unix_ms(static_cast<std::int64_t>(in.u64()));
  cached.contact.mono = MonoTime(std::chrono::nanoseconds(static_cast<std::int64_t>(in.u64())));
  cached.boot_id = std::string(in.text());
  cached.source = std::string(in.text());
  const auto count = in.u64();
  const auto digest = in.text();
  const auto tag_bytes = in.text();
  const auto packed = in.text();
  if (!in.finished()) return damaged();
  wire::SnapshotBegin tags;
  if (!tags.ParseFromArray(tag_bytes.data(), static_cast<int>(tag_bytes.size()))) return damaged();
  for (const auto& tag : tags.tags()) cached.view.upsert_tag(tag.id(), tag.SerializeAsString());
  auto text = proto::inflate_text(packed, kInflatedLimit);
  wire::ViewEntryList entries;
  if (!text || !entries.ParseFromString(*text)) return damaged();
  for (auto& entry : *entries.mutable_entries()) {
    wire::ViewEntry parsed;
    if (!parsed.ParseFromString(entry)) return damaged();
    const auto uid = parse_endpoint_uid(parsed.record().uid());
    if (uid.empty()) return damaged();
    cached.view.upsert(uid, std::move(entry));
  }
  if (cached.view.entries().size() != count || as_text(cached.view.digest()) != digest) return damaged();
  return cached;
}

MonoTime cached_view_deadline(const CachedView& cached, Now now, std::string_view boot_id, Seconds threshold) {
  if (!boot_id.empty() && boot_id == cached.boot_id && cached.contact.mono <= now.mono) {
    return cached.contact.mono + threshold;
  }
  // Compared before anything is computed: a time of the file may be far from any other.
  if (cached.contact.wall > now.wall || cached.contact.wall < now.wall - threshold) return now.mono;
  return now.mono - (now.wall - cached.contact.wall) + threshold;
}

}  // namespace postern::gateway
