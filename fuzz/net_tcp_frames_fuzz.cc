// Frames of TCP forwarding, as a server (first byte even) or client reads them, in pieces (second byte).
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "net/detail/tcp_frames.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern::net::tcp_frames;
  if (size < 2) return 0;
  Reader reader(data[0] % 2 == 0);
  const std::size_t step = data[1] + std::size_t{1};
  std::size_t given = 0, got = 0;
  bool over = false;
  for (std::size_t at = 2; at < size; at += step) {
    std::vector<std::uint8_t> bytes(data + at, data + std::min(size, at + step));
    given += bytes.size();
    std::span<std::uint8_t> input(bytes);
    for (;;) {
      const auto piece = reader.next(input);
      if (over && piece.kind != Kind::kMore) std::abort();
      if (piece.kind == Kind::kMore) break;
      got += piece.bytes.size();
      if (piece.kind == Kind::kData && piece.bytes.empty()) std::abort();
      if (piece.text.size() > 200 || got > given) std::abort();
      over = piece.kind == Kind::kClose || piece.kind == Kind::kRefuse;
    }
    if (!input.empty()) std::abort();
  }
  return 0;
}
