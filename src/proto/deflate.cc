#include "proto/deflate.h"

#include <zlib.h>

#include <new>

#include <fmt/format.h>

namespace postern::proto {

std::string deflate_text(std::string_view text) {
  uLongf size = compressBound(text.size());
  std::string out(size, '\0');
  // Level 1: on a fast link the time saved outweighs the bytes.
  const int rc = compress2(reinterpret_cast<Bytef*>(out.data()), &size, reinterpret_cast<const Bytef*>(text.data()),
                           text.size(), 1);
  if (rc != Z_OK) throw std::bad_alloc();  // the buffer is large enough by construction
  out.resize(size);
  return out;
}

Result<std::string> inflate_text(std::string_view compressed, std::size_t limit) {
  z_stream stream{};
  if (inflateInit(&stream) != Z_OK) throw std::bad_alloc();
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(compressed.data()));
  stream.avail_in = static_cast<uInt>(compressed.size());
  std::string out;
  char buffer[65536];
  int rc = Z_OK;
  while (rc == Z_OK) {
    stream.next_out = reinterpret_cast<Bytef*>(buffer);
    stream.avail_out = sizeof buffer;
    rc = inflate(&stream, Z_NO_FLUSH);
    if (rc != Z_OK && rc != Z_STREAM_END) break;
    const std::size_t got = sizeof buffer - stream.avail_out;
    if (out.size() + got > limit) {
      inflateEnd(&stream);
      return fail(ErrorCode::kResourceExhausted, fmt::format("compressed data grows past {} bytes", limit));
    }
    out.append(buffer, got);
    if (rc == Z_OK && got == 0 && stream.avail_in == 0) break;  // cut short
  }
  const bool whole = rc == Z_STREAM_END && stream.avail_in == 0;
  inflateEnd(&stream);
  if (!whole) return fail(ErrorCode::kDataLoss, "compressed data is damaged");
  return out;
}

}  // namespace postern::proto
