// A compressed text from a peer: never more than the limit.
#include <cstdint>
#include <cstdlib>

#include "proto/deflate.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern;
  constexpr std::size_t kLimit = 1u << 16;
  const auto text = proto::inflate_text(as_text({data, size}), kLimit);
  if (!text) return 0;
  if (text->size() > kLimit || proto::inflate_text(proto::deflate_text(*text), kLimit) != *text) std::abort();
  return 0;
}
