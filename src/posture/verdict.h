#pragma once
// The three answers of a rule and Kleene's logic over them. Unknown is never turned into either of
// the others.
#include <cstdint>
#include <string_view>

namespace postern::posture {

enum class Verdict : std::uint8_t {
  kNoMatch,
  kUnknown,
  kMatch
};  ///< In this order: and is min, or is max.

constexpr Verdict verdict_and(Verdict a, Verdict b) { return a < b ? a : b; }
constexpr Verdict verdict_or(Verdict a, Verdict b) { return a < b ? b : a; }
constexpr Verdict verdict_not(Verdict v) {
  return static_cast<Verdict>(2 - static_cast<std::uint8_t>(v));
}
constexpr Verdict verdict_of(bool holds) { return holds ? Verdict::kMatch : Verdict::kNoMatch; }

constexpr std::string_view verdict_name(Verdict v) {
  return v == Verdict::kMatch ? "match" : v == Verdict::kNoMatch ? "no_match" : "unknown";
}

/// Why a rule says what it says. `code` is stable (scripts branch on it), `text` is for a person.
/// Static storage only.
struct Reason {
  std::string_view code;
  std::string_view text;
};

struct Judgement {
  Verdict verdict = Verdict::kUnknown;
  const Reason* reason = nullptr;  ///< Never null in what a rule returns; lives for ever.
};

}  // namespace postern::posture
