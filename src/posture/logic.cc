#include "posture/logic.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/sort_unique.h"
#include "base/text.h"
#include "posture/quote.h"
#include "posture/tag.h"

namespace postern::posture {

/// Recursive descent, one function per binding strength. The depth is counted where parentheses and
/// nots nest, so that no input can exhaust this stack or Logic's.
class LogicParser {
 public:
  explicit LogicParser(std::string_view text) : text_(text) {}

  Result<Logic> parse() {
    if (text_.size() > kMaxLogicBytes) {
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("the expression has {} characters, allowed are {}", text_.size(),
                              kMaxLogicBytes));
    }
    next();
    if (token_.kind == Kind::kEnd) {
      return fail(ErrorCode::kInvalidArgument,
                  "the expression is empty; leave it out to demand all rules, or write one such as "
                  "(1 and 2) or not 3");
    }
    parse_or(0);
    if (!error_ && token_.kind != Kind::kEnd) expected("and, or, or the end");
    if (error_) return fail(ErrorCode::kInvalidArgument, *error_);
    number_rules();
    return std::move(logic_);
  }

 private:
  enum class Kind { kEnd, kOpen, kClose, kNumber, kAnd, kOr, kNot, kBad };
  struct Token {
    Kind kind = Kind::kEnd;
    std::size_t at = 0;
    std::string_view text;
  };

  static bool is_digit(char c) { return c >= '0' && c <= '9'; }
  static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
  static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

  void next() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
    token_ = {Kind::kEnd, at_, {}};
    if (at_ == text_.size()) return;
    const char first = text_[at_];
    std::size_t end = at_ + 1;
    if (first == '(') {
      token_.kind = Kind::kOpen;
    } else if (first == ')') {
      token_.kind = Kind::kClose;
    } else if (is_digit(first) || is_letter(first)) {
      // Digits and letters together, so that "1and2" is one wrong word and not three right ones.
      while (end < text_.size() && (is_digit(text_[end]) || is_letter(text_[end]))) ++end;
      token_.kind = word(text_.substr(at_, end - at_));
    } else {
      while (end < text_.size() && (static_cast<unsigned char>(text_[end]) & 0xC0) == 0x80) ++end;
      token_.kind = Kind::kBad;
    }
    token_.text = text_.substr(at_, end - at_);
    at_ = end;
  }

  static Kind word(std::string_view text) {
    if (std::all_of(text.begin(), text.end(), is_digit)) return Kind::kNumber;
    const std::string lower = to_lower(text.substr(0, 4));
    if (lower == "and") return Kind::kAnd;
    if (lower == "or") return Kind::kOr;
    if (lower == "not") return Kind::kNot;
    return Kind::kBad;
  }

  void expected(std::string_view what) {
    const std::string found =
        token_.kind == Kind::kEnd ? "it ends" : "there is " + posture::quoted(token_.text);
    give_up(fmt::format("at character {}: {} where {} is expected", token_.at + 1, found, what));
  }
  void give_up(std::string message) {
    if (!error_) error_ = std::move(message);
  }

  void parse_or(std::size_t depth) {
    parse_and(depth);
    while (!error_ && token_.kind == Kind::kOr) {
      next();
      parse_and(depth);
      add(Logic::Op::kOr);
    }
  }

  void parse_and(std::size_t depth) {
    parse_operand(depth);
    while (!error_ && token_.kind == Kind::kAnd) {
      next();
      parse_operand(depth);
      add(Logic::Op::kAnd);
    }
  }

  void parse_operand(std::size_t depth) {
    if (error_) return;
    if (depth >= kMaxLogicDepth && (token_.kind == Kind::kNot || token_.kind == Kind::kOpen)) {
      return give_up(fmt::format("at character {}: nested deeper than {} levels", token_.at + 1,
                                 kMaxLogicDepth));
    }
    switch (token_.kind) {
      case Kind::kNot:
        next();
        parse_operand(depth + 1);
        add(Logic::Op::kNot);
        return;
      case Kind::kOpen: {
        const std::size_t opened = token_.at;
        next();
        parse_or(depth + 1);
        if (error_) return;
        if (token_.kind != Kind::kClose) {
          return expected(fmt::format("and, or, or the ) for the ( at character {}", opened + 1));
        }
        return next();
      }
      case Kind::kNumber: {
        const auto number = parse_u64(token_.text);
        if (!number || *number < 1 || *number > kMaxRuleId) {
          return give_up(fmt::format("at character {}: {} is no rule number; they go from 1 to {}",
                                     token_.at + 1, posture::quoted(token_.text), kMaxRuleId));
        }
        numbers_.push_back(static_cast<std::uint32_t>(*number));
        add(Logic::Op::kRule);
        return next();
      }
      default:
        return expected("a rule number, not, or (");
    }
  }

  void add(Logic::Op op) {
    if (!error_) logic_.steps_.push_back({op});
  }

  /// Turns the numbers, in the order of their steps, into indexes into the sorted list.
  void number_rules() {
    auto& rules = logic_.rules_;
    rules = numbers_;
    sort_unique(rules);
    auto number = numbers_.begin();
    for (auto& step : logic_.steps_) {
      if (step.op != Logic::Op::kRule) continue;
      const auto at = std::lower_bound(rules.begin(), rules.end(), *number++);
      step.index = static_cast<std::uint16_t>(at - rules.begin());
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
  Token token_;
  std::vector<std::uint32_t> numbers_;
  Logic logic_;
  std::optional<std::string> error_;
};

Result<Logic> Logic::parse(std::string_view text) { return LogicParser(text).parse(); }

Logic Logic::all(const std::vector<std::uint32_t>& rules) {
  Logic logic;
  logic.rules_ = rules;
  sort_unique(logic.rules_);
  for (std::size_t i = 0; i < logic.rules_.size(); ++i) {
    logic.steps_.push_back({Op::kRule, static_cast<std::uint16_t>(i)});
    if (i > 0) logic.steps_.push_back({Op::kAnd});
  }
  return logic;
}

}  // namespace postern::posture
