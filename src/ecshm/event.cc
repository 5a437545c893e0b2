#include "ecshm/event.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace postern::ecshm {
namespace {

constexpr std::size_t kId = 12, kMethod = 12, kHost = 120, kPath = 200, kDetail = 200, kInterface = 16;

/// What an event begins with. After it, of what it has: the leaf, the source's address (4 or 16 bytes), the tags, and
/// the texts one behind the other, in the order of `text`.
struct Wire {
  std::uint8_t type;
  std::uint8_t kind;
  std::uint8_t has_leaf;
  std::uint8_t has_tags;
  std::uint8_t family;
  std::uint8_t reserved;
  std::uint16_t source_port;
  std::uint32_t reason;
  std::uint32_t status;
  std::int64_t time_ms;
  std::uint64_t bytes;
  std::uint32_t proxy;
  std::uint32_t policy;
  std::uint32_t api_gateway;
  std::uint32_t pool;
  std::uint32_t duration_ms;
  std::uint8_t text[6];  ///< Sizes.
  std::uint8_t reserved2[6];
};
static_assert(sizeof(Wire) == 64 && alignof(Wire) == 8);

constexpr std::array<std::size_t, 6> kSizes = {kId, kMethod, kHost, kPath, kDetail, kInterface};
constexpr std::size_t kTagBytes = sizeof(std::uint64_t) * policy::kTagWords;
static_assert(sizeof(Wire) + 32 + 16 + kTagBytes + kId + kMethod + kHost + kPath + kDetail + kInterface + 7 <= kMaxEventBytes &&
              kMaxEventBytes % 8 == 0);

template <class E>
auto texts(E& e) {
  return std::array{&e.id, &e.method, &e.host, &e.path, &e.detail, &e.interface};
}

Error damaged() { return {ErrorCode::kDataLoss, "an event of a worker is damaged"}; }

}  // namespace

std::size_t encode_event(const EventView& event, std::uint8_t* out) {
  Wire w{};
  w.type = static_cast<std::uint8_t>(event.type);
  w.kind = static_cast<std::uint8_t>(event.kind);
  w.has_leaf = event.leaf ? 1 : 0;
  w.has_tags = event.tags.any() ? 1 : 0;
  if (event.source.valid()) w.family = event.source.is_v4() ? 4 : 6;
  w.source_port = event.source_port;
  w.reason = static_cast<std::uint32_t>(event.reason);
  w.status = event.status;
  w.time_ms = to_unix_ms(event.time);
  w.bytes = event.bytes;
  w.proxy = event.proxy;
  w.policy = event.policy;
  w.api_gateway = event.api_gateway;
  w.pool = event.pool;
  w.duration_ms = event.duration_ms;
  auto* to = out + sizeof w;
  const auto put = [&](const void* from, std::size_t size) {
    std::memcpy(to, from, size);
    to += size;
  };
  if (event.leaf) put(event.leaf->data(), event.leaf->size());
  if (w.family == 4) put(event.source.bytes().data(), 4);
  if (w.family == 6) put(event.source.bytes().data(), 16);
  if (w.has_tags != 0) put(event.tags.words.data(), kTagBytes);
  const auto all = texts(event);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto size = std::min(all[i]->size(), kSizes[i]);
    w.text[i] = static_cast<std::uint8_t>(size);
    if (size > 0) put(all[i]->data(), size);
  }
  while ((to - out) % 8 != 0) *to++ = 0;
  std::memcpy(out, &w, sizeof w);
  return static_cast<std::size_t>(to - out);
}

Result<EventView> decode_event(std::span<std::uint8_t> bytes) {
  Wire w;
  if (bytes.size() < sizeof w || bytes.size() > kMaxEventBytes || bytes.size() % 8 != 0) return fail(damaged());
  std::memcpy(&w, bytes.data(), sizeof w);
  const auto reason = policy::reason_from_number(w.reason);
  if (w.type < 1 || w.type > 6 || !reason || w.has_leaf > 1 || w.has_tags > 1 || w.kind >= kSessionKinds ||
      (w.family != 0 && w.family != 4 && w.family != 6)) {
    return fail(damaged());
  }
  std::size_t size = sizeof w + (w.has_leaf != 0 ? 32u : 0) + (w.family == 4 ? 4u : w.family == 6 ? 16u : 0) +
                     (w.has_tags != 0 ? kTagBytes : 0);
  for (std::size_t i = 0; i < kSizes.size(); ++i) {
    if (w.text[i] > kSizes[i]) return fail(damaged());
    size += w.text[i];
  }
  if ((size + 7) / 8 * 8 != bytes.size()) return fail(damaged());

  auto* from = bytes.data() + sizeof w;
  const auto take = [&](void* to, std::size_t n) {
    std::memcpy(to, from, n);
    from += n;
  };
  EventView out;
  out.type = static_cast<EventType>(w.type);
  out.reason = *reason;
  out.time = from_unix_ms(w.time_ms);
  if (w.has_leaf != 0) take(out.leaf.emplace().data(), 32);
  if (w.family == 4) {
    std::array<std::uint8_t, 4> address;
    take(address.data(), address.size());
    out.source = IpAddress::v4(address);
  } else if (w.family == 6) {
    std::array<std::uint8_t, 16> address;
    take(address.data(), address.size());
    out.source = IpAddress::v6(address);
  }
  if (w.has_tags != 0) {
    take(out.tags.words.data(), kTagBytes);
    if (!out.tags.any()) return fail(damaged());
  }
  out.source_port = w.source_port;
  out.proxy = w.proxy;
  out.policy = w.policy;
  out.api_gateway = w.api_gateway;
  out.pool = w.pool;
  out.status = w.status;
  out.bytes = w.bytes;
  out.duration_ms = w.duration_ms;
  out.kind = static_cast<SessionKind>(w.kind);
  const auto all = texts(out);
  for (std::size_t i = 0; i < all.size(); ++i) {
    // So that logs stay lines. A detail may have two (`told_of`).
    const bool lines = all[i] == &out.detail;
    for (std::size_t n = 0; n < w.text[i]; ++n) {
      const auto c = from[n];
      from[n] = (c >= 0x20 && c < 0x7f) || (lines && c == '\n') ? c : std::uint8_t{'?'};
    }
    *all[i] = {reinterpret_cast<const char*>(from), w.text[i]};
    from += w.text[i];
  }
  return out;
}

}  // namespace postern::ecshm
