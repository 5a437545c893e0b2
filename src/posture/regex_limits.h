#pragma once
// How much work a rule's regular expression may make. Whoever owns an endpoint chooses the texts that patterns meet there.
#include <cstddef>

namespace postern::posture {

/// Instructions of the compiled program (RE2's). A byte of text costs each of them once at most, some 5 ns: 64 KiB take
/// 0.4 seconds at worst. "a{1000}" has 1,003.
inline constexpr int kMaxRegexSteps = 1200;

/// Bytes of names that one judgement compares with a regular expression; what would take more is unknown.
inline constexpr std::size_t kMaxRegexNames = 64u << 10;

}  // namespace postern::posture
