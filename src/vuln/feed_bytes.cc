#include "vuln/feed_bytes.h"

#include <fmt/format.h>
#include <zip.h>
#include <zlib.h>

#include <algorithm>
#include <memory>
#include <string>

#include "base/text.h"

namespace postern::vuln {
namespace {

constexpr std::size_t kChunk = 256u << 10;

tl::unexpected<Error> record_too_large(std::string_view where, const FeedLimits& limits) {
  return fail(
      ErrorCode::kResourceExhausted,
      fmt::format("{}: a record is larger than the limit of {} bytes", where, limits.record_bytes));
}

tl::unexpected<Error> total_too_large(const FeedLimits& limits) {
  return fail(ErrorCode::kResourceExhausted,
              fmt::format("it unpacks to more than the limit of {} bytes", limits.total_bytes));
}

using ChunkSink = std::function<Status(std::string_view chunk)>;

/// Lines out of chunks.
class Lines {
 public:
  Lines(const FeedLimits& limits, const RecordSink& sink) : limits_(limits), sink_(sink) {}

  Status feed(std::string_view chunk) {
    if (chunk.size() > limits_.total_bytes - total_) return total_too_large(limits_);
    total_ += chunk.size();
    while (!chunk.empty()) {
      const auto end = chunk.find('\n');
      const auto piece = chunk.substr(0, end);
      if (piece.size() > limits_.record_bytes - rest_.size()) {
        return record_too_large(fmt::format("line {}", number_ + 1), limits_);
      }
      if (end == std::string_view::npos) {
        rest_ += piece;
        return {};
      }
      chunk.remove_prefix(end + 1);
      if (rest_.empty()) {
        if (auto s = line(piece); !s) return s;
      } else {
        rest_ += piece;
        if (auto s = line(rest_); !s) return s;
        rest_.clear();
      }
    }
    return {};
  }

  Status end(LastLine last) {
    if (rest_.empty()) return {};
    if (last == LastLine::kWithNewline && !trim(rest_).empty()) return fail(cut_off(fmt::format("line {}", number_ + 1)));
    return line(rest_);
  }

 private:
  Status line(std::string_view text) {
    ++number_;
    if (trim(text).empty()) return {};
    return sink_(fmt::format("line {}", number_), text);
  }

  const FeedLimits& limits_;
  const RecordSink& sink_;
  std::uint64_t total_ = 0;
  std::size_t number_ = 0;
  std::string rest_;
};

struct Inflater {
  z_stream stream{};
  bool ready =
      inflateInit2(&stream, 15 + 16) == Z_OK;  // 16: gzip's header and checksum, nothing else.
  Inflater() = default;
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  ~Inflater() {
    if (ready) inflateEnd(&stream);
  }
};

Status gzip_chunks(std::string_view bytes, const ChunkSink& sink) {
  Inflater inflater;
  if (!inflater.ready) return fail(ErrorCode::kResourceExhausted, "no memory to unpack it");
  auto& z = inflater.stream;
  std::string out(kChunk, '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));  // zlib only reads it.
  std::size_t given = 0;
  const auto refill = [&] {  // avail_in is 32 bits wide, the file need not be.
    const auto more = std::min<std::size_t>(bytes.size() - given, 1u << 30);
    z.avail_in = static_cast<uInt>(more);
    given += more;
  };
  for (;;) {
    if (z.avail_in == 0) refill();
    z.next_out = reinterpret_cast<Bytef*>(out.data());
    z.avail_out = static_cast<uInt>(out.size());
    const int code = inflate(&z, Z_NO_FLUSH);
    const auto made = out.size() - z.avail_out;
    if (auto s = sink({out.data(), made}); !s) return s;
    if (code == Z_STREAM_END) {
      if (z.avail_in == 0 && given == bytes.size()) return {};
      inflateReset(&z);  // A further member; anything else fails as one.
      continue;
    }
    if (code == Z_OK) continue;
    if (code == Z_BUF_ERROR && z.avail_in == 0 && given < bytes.size()) continue;
    if (code == Z_BUF_ERROR)
      return fail(ErrorCode::kDataLoss, "the gzip data is truncated: fetch the file again");
    return fail(ErrorCode::kDataLoss, "the gzip data is damaged: fetch the file again");
  }
}

struct ZipCloser {
  void operator()(zip_t* zip) const { zip_discard(zip); }
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};

/// An entry's name for a message: it may hold anything.
std::string shown(const char* name) {
  std::string text;
  for (const char* c = name; c != nullptr && *c != '\0' && text.size() < 128; ++c)
    text += *c > ' ' && *c < 0x7f ? *c : '?';
  return text;
}

Status zip_entry(zip_t* zip, zip_uint64_t index, const FeedLimits& limits, std::uint64_t& total,
                 std::string& text, const RecordSink& sink) {
  zip_stat_t stat;
  if (zip_stat_index(zip, index, 0, &stat) != 0 || (stat.valid & ZIP_STAT_NAME) == 0) {
    return fail(ErrorCode::kDataLoss, fmt::format("entry {} of the zip cannot be read", index));
  }
  const std::string_view name(stat.name);
  if (name.ends_with('/')) return {};
  const auto where = shown(stat.name);
  if (!name.ends_with(".json")) {
    return fail(ErrorCode::kInvalidArgument,
                where + ": a zip of OSV records holds .json files only");
  }
  if ((stat.valid & ZIP_STAT_ENCRYPTION_METHOD) != 0 && stat.encryption_method != ZIP_EM_NONE) {
    return fail(ErrorCode::kUnsupported, where + ": encrypted entries cannot be read");
  }
  const std::unique_ptr<zip_file_t, ZipCloser> file(zip_fopen_index(zip, index, 0));
  if (!file)
    return fail(ErrorCode::kDataLoss, where + ": the entry is damaged: fetch the file again");
  text.clear();
  for (;;) {  // What the directory says of the size is not believed.
    const auto before = text.size();
    text.resize(before + 65536);
    const auto n = zip_fread(file.get(), text.data() + before, 65536);
    if (n < 0)
      return fail(ErrorCode::kDataLoss, where + ": the entry is damaged: fetch the file again");
    text.resize(before + static_cast<std::size_t>(n));
    if (text.size() > limits.record_bytes) return record_too_large(where, limits);
    total += static_cast<std::uint64_t>(n);
    if (total > limits.total_bytes) return total_too_large(limits);
    if (n == 0) break;
  }
  return sink(where, text);
}

Status zip_records(std::string_view bytes, const FeedLimits& limits, const RecordSink& sink) {
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t* source = zip_source_buffer_create(bytes.data(), bytes.size(), 0, &error);
  std::unique_ptr<zip_t, ZipCloser> zip(
      source == nullptr ? nullptr : zip_open_from_source(source, ZIP_RDONLY, &error));
  if (!zip) {
    if (source != nullptr) zip_source_free(source);
    const std::string why = zip_error_strerror(&error);
    zip_error_fini(&error);
    return fail(ErrorCode::kDataLoss,
                "the zip is truncated or damaged (" + why + "): fetch the file again");
  }
  zip_error_fini(&error);
  const auto entries = zip_get_num_entries(zip.get(), 0);
  if (entries < 0 || static_cast<std::uint64_t>(entries) > limits.records) {
    return fail(ErrorCode::kResourceExhausted,
                fmt::format("the zip has more than {} entries", limits.records));
  }
  std::uint64_t total = 0;
  std::string text;
  for (zip_uint64_t i = 0; i < static_cast<zip_uint64_t>(entries); ++i) {
    if (auto s = zip_entry(zip.get(), i, limits, total, text, sink); !s) return s;
  }
  return {};
}

}  // namespace

bool is_zip(std::string_view bytes) {
  return bytes.starts_with("PK\x03\x04") || bytes.starts_with("PK\x05\x06");
}

Status for_each_chunk(std::string_view bytes, const FeedLimits& limits, const ChunkSink& sink) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  std::uint64_t total = 0;
  const ChunkSink counted = [&](std::string_view chunk) -> Status {
    if (chunk.size() > limits.total_bytes - total) return total_too_large(limits);
    const bool first = total == 0;
    total += chunk.size();
    if (first && chunk.starts_with(kByteOrderMark)) chunk.remove_prefix(kByteOrderMark.size());
    return sink(chunk);
  };
  if (bytes.starts_with("\x1f\x8b")) return gzip_chunks(bytes, counted);
  for (std::size_t at = 0; at < bytes.size(); at += kChunk) {
    if (auto s = counted(bytes.substr(at, kChunk)); !s) return s;
  }
  return {};
}

Error cut_off(std::string_view where) {
  return {ErrorCode::kDataLoss,
          fmt::format("it ends in the middle of {}: the file was cut off; give the whole file", where)};
}

Status for_each_line(std::string_view bytes, const FeedLimits& limits, const RecordSink& sink, LastLine last) {
  Lines lines(limits, sink);
  const auto s = for_each_chunk(bytes, limits, [&](std::string_view chunk) { return lines.feed(chunk); });
  return s ? lines.end(last) : s;
}

Result<std::string> first_bytes(std::string_view bytes, std::size_t most) {
  std::string out;
  const auto s = for_each_chunk(bytes, {}, [&](std::string_view chunk) -> Status {
    out += chunk.substr(0, most - out.size());
    if (out.size() == most) return fail(ErrorCode::kResourceExhausted, "enough");
    return {};
  });
  if (!s && out.empty()) return fail(s.error());
  return out;
}

Status for_each_record(std::string_view bytes, const FeedLimits& limits, const RecordSink& sink) {
  return is_zip(bytes) ? zip_records(bytes, limits, sink) : for_each_line(bytes, limits, sink);
}

}  // namespace postern::vuln
