// An expression of unknown origin: refused, or made into a program that is sound and gives the same answer twice; and a
// program of unknown origin: refused, or safe to run.
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "policy/regex.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto cut = text.find('\n');
  const auto pattern = text.substr(0, cut);
  const auto path = cut == text.npos ? std::string_view("/a/b") : text.substr(cut + 1);
  if (pattern.size() <= 511) {
    std::size_t work = policy::kRegexWork / 10;
    if (const auto program = policy::compile_regex(pattern, work)) {
      if (!policy::sound_regex(*program)) __builtin_trap();
      if (policy::regex_match(*program, path) != policy::regex_match(*program, path)) __builtin_trap();
    }
  }
  std::vector<std::uint16_t> aligned((size + 1) / 2);
  if (size > 0) std::memcpy(aligned.data(), data, size);
  const ByteView raw(reinterpret_cast<const std::uint8_t*>(aligned.data()), size);
  if (policy::sound_regex(raw)) (void)policy::regex_match(raw, path);
  return 0;
}
