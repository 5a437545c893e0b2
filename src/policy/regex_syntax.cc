#include "policy/regex_syntax.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>

namespace postern::policy {
namespace {

constexpr int kMaxDepth = 40, kMaxTimes = 255;
using Set = std::bitset<256>;

Set range(unsigned char first, unsigned char last) {
  Set out;
  for (unsigned b = first; b <= last; ++b) out.set(b);
  return out;
}
Set one(char c) { return range(static_cast<unsigned char>(c), static_cast<unsigned char>(c)); }

bool letter_or_digit(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// "\d" and its like; nullopt: it is another sign.
std::optional<Set> class_of(char c) {
  Set out;
  switch (c) {
    case 'd': case 'D': out = range('0', '9'); break;
    case 'w': case 'W': out = range('0', '9') | range('a', 'z') | range('A', 'Z') | one('_'); break;
    case 's': case 'S': out = range('\t', '\r') | one(' '); break;
    default: return std::nullopt;
  }
  return c >= 'a' ? out : ~out;
}

class RegexParser {
 public:
  explicit RegexParser(std::string_view pattern) : rest_(pattern) {
    if (take("(?i)")) fold_ = true;
  }

  Result<RegexPart> run() {
    auto out = alternatives(0);
    if (out && !rest_.empty()) return wrong("a ) closes nothing");
    return out;
  }

 private:
  using Kind = RegexPart::Kind;

  static tl::unexpected<Error> wrong(std::string what) { return fail(ErrorCode::kInvalidArgument, std::move(what)); }
  bool take(std::string_view what) {
    if (!rest_.starts_with(what)) return false;
    rest_.remove_prefix(what.size());
    return true;
  }
  char next() {
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }

  RegexPart of_set(Set set) const {
    if (fold_) {
      for (unsigned lower = 'a'; lower <= 'z'; ++lower) {
        const auto upper = lower - 'a' + 'A';
        set[lower] = set[upper] = set[lower] || set[upper];
      }
    }
    RegexPart out;
    out.kind = Kind::kSet;
    out.set = set;
    return out;
  }

  Result<RegexPart> alternatives(int depth) {
    if (depth > kMaxDepth) return wrong(fmt::format("brackets stand in one another more than {} deep", kMaxDepth));
    RegexPart out;
    out.kind = Kind::kAny;
    do {
      auto all = sequence(depth);
      if (!all) return all;
      out.parts.push_back(std::move(*all));
    } while (take("|"));
    return out;
  }

  Result<RegexPart> sequence(int depth) {
    RegexPart out;
    while (!rest_.empty() && rest_.front() != '|' && rest_.front() != ')') {
      auto part = item(depth);
      if (!part) return part;
      if (auto repeated = repeat(*part); !repeated) return fail(repeated.error());
      out.parts.push_back(std::move(*part));
    }
    return out;
  }

  Result<RegexPart> item(int depth) {
    const char c = next();
    RegexPart out;
    switch (c) {
      case '^': out.kind = Kind::kBegin; return out;
      case '$': out.kind = Kind::kEnd; return out;
      case '.': return of_set(~one('\n'));
      case '[': return bracket();
      case '{': {
        int min = 0, max = 0;
        rest_ = {rest_.data() - 1, rest_.size() + 1};
        if (counted(min, max)) return wrong("{ } has nothing to repeat");
        next();
        return of_set(one(c));
      }
      case '*': case '+': case '?': return wrong(fmt::format("{} has nothing to repeat", c));
      case '\\': return escape();
      case '(': break;
      default: return of_set(one(c));
    }
    if (!take("?:") && (rest_.starts_with('?') || rest_.starts_with('*')))
      return wrong("of what begins with (? there are (?: ) and, at the beginning, (?i)");
    auto inside = alternatives(depth + 1);
    if (inside && !take(")")) return wrong("a ( is not closed");
    return inside;
  }

  /// Two hexadecimal digits.
  Result<char> hex_byte() {
    int value = 0;
    for (int i = 0; i < 2; ++i) {
      if (rest_.empty()) return wrong("\\x needs two hexadecimal digits");
      const char c = next();
      const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
      if (digit < 0) return wrong("\\x needs two hexadecimal digits");
      value = value * 16 + digit;
    }
    return static_cast<char>(value);
  }

  /// After a backslash: a sign by itself.
  Result<char> escaped() {
    if (rest_.empty()) return wrong("nothing stands behind the \\ at the end");
    const char c = next();
    if (c == 'x') return hex_byte();
    if (letter_or_digit(c) || static_cast<unsigned char>(c) >= 0x80)
      return wrong(fmt::format("\\{} is not known here; there are \\d \\w \\s \\D \\W \\S, \\xHH and \\ before a sign", c));
    return c;
  }

  Result<RegexPart> escape() {
    if (!rest_.empty()) {
      if (const auto set = class_of(rest_.front())) {
        next();
        return of_set(*set);
      }
    }
    const auto c = escaped();
    if (!c) return fail(c.error());
    return of_set(one(*c));
  }

  Result<RegexPart> bracket() {
    const bool negated = take("^");
    Set set;
    for (bool first = true;; first = false) {
      if (rest_.empty()) return wrong("a [ is not closed");
      char c = next();
      if (c == ']' && !first) break;
      if (c == '[' && !rest_.empty() && (rest_.front() == ':' || rest_.front() == '.' || rest_.front() == '='))
        return wrong("[: is not known in brackets here; \\d, \\w and \\s are");
      if (c == '\\') {
        if (const auto all = rest_.empty() ? std::nullopt : class_of(rest_.front())) {
          next();
          if (rest_.size() > 1 && rest_[0] == '-' && rest_[1] != ']') return wrong("a range can't begin with \\d and its like");
          set |= *all;
          continue;
        }
        const auto sign = escaped();
        if (!sign) return fail(sign.error());
        c = *sign;
      }
      char last = c;
      if (rest_.size() > 1 && rest_[0] == '-' && rest_[1] != ']') {
        next();
        last = next();
        if (last == '[') return wrong("a range ends with [; write \\[");
        if (last == '\\') {
          if (!rest_.empty() && class_of(rest_.front())) return wrong("a range can't end with \\d and its like");
          const auto sign = escaped();
          if (!sign) return fail(sign.error());
          last = *sign;
        }
      }
      if (static_cast<unsigned char>(last) < static_cast<unsigned char>(c)) return wrong("a range in [ ] goes backwards");
      set |= range(static_cast<unsigned char>(c), static_cast<unsigned char>(last));
    }
    // What is left out is left out in both cases.
    auto out = of_set(set);
    if (negated) out.set.flip();
    return out;
  }

  /// "{2}", "{2,}", "{2,5}"; anything else that begins so is the sign { by itself.
  bool counted(int& min, int& max) {
    auto rest = rest_;
    const auto number = [&]() -> std::optional<int> {
      int value = 0;
      std::size_t digits = 0;
      for (; !rest.empty() && rest.front() >= '0' && rest.front() <= '9'; rest.remove_prefix(1), ++digits)
        value = std::min(value * 10 + (rest.front() - '0'), kMaxTimes + 1);
      return digits > 0 ? std::optional<int>(value) : std::nullopt;
    };
    if (!rest.starts_with('{')) return false;
    rest.remove_prefix(1);
    const auto low = number();
    if (!low) return false;
    min = max = *low;
    if (rest.starts_with(',')) {
      rest.remove_prefix(1);
      max = number().value_or(RegexPart::kNoEnd);
    }
    if (!rest.starts_with('}')) return false;
    rest.remove_prefix(1);
    rest_ = rest;
    return true;
  }

  Status repeat(RegexPart& part) {
    int min = 0, max = RegexPart::kNoEnd;
    if (take("+")) {
      min = 1;
    } else if (take("?")) {
      max = 1;
    } else if (!take("*") && !counted(min, max)) {
      return {};
    }
    if (part.kind == Kind::kBegin || part.kind == Kind::kEnd) return wrong("^ and $ can't be repeated");
    if (min > kMaxTimes || max > kMaxTimes) return wrong(fmt::format("something is repeated more than {} times", kMaxTimes));
    if (max != RegexPart::kNoEnd && max < min) return wrong("a {n,m} goes backwards");
    take("?");  // as few as may be: whether it matches is the same
    int again_min = 0, again_max = 0;
    if (rest_.starts_with('*') || rest_.starts_with('+') || rest_.starts_with('?') || counted(again_min, again_max))
      return wrong("what is repeated can't be repeated again; put it into ( )");
    RegexPart out;
    out.kind = Kind::kRepeat;
    out.min = min;
    out.max = max;
    out.parts.push_back(std::move(part));
    part = std::move(out);
    return {};
  }

  std::string_view rest_;
  bool fold_ = false;
};

}  // namespace

Result<RegexPart> parse_regex(std::string_view pattern) { return RegexParser(pattern).run(); }

}  // namespace postern::policy
