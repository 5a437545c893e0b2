#pragma once
// A tag's expression over rule numbers, as the EMS tells it: "(1 and 2) or not 3". Three-valued, as the EMS judges.
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "cli/look.h"

namespace postern::cli {

/// What each rule's condition came to; a rule that is missing is unknown.
using Truths = std::map<std::uint32_t, Truth>;

class Logic {
 public:
  /// Errors: kInvalidArgument, for what is no such expression or one that is nested deeper than 100.
  static Result<Logic> parse(std::string_view text);

  Truth value(const Truths& rules) const;
  /// The rules that make it what it is, in the order of the expression: for "1 and 2" with both failing, both; with one
  /// failing, that one.
  std::vector<std::uint32_t> decisive(const Truths& rules) const;
  /// What a rule would have to be.
  struct Change {
    std::uint32_t rule = 0;
    Truth to = Truth::kYes;
    friend bool operator==(const Change&, const Change&) = default;
  };
  /// Single rules each of which alone would change it to `wanted`.
  std::vector<Change> levers(const Truths& rules, Truth wanted) const;
  /// Changes that together make it hold, none of which could be left out. Empty: it holds, or nothing can.
  std::vector<Change> mend(const Truths& rules) const;
  /// The expression with what `shown` makes of each rule number.
  std::string text(const std::function<std::string(std::uint32_t)>& shown) const;

 private:
  struct Node {
    enum class Op { kRule, kNot, kAnd, kOr } op = Op::kRule;
    std::uint32_t rule = 0;
    std::vector<Node> parts = {};
  };
  class Parser;
  static Truth value_of(const Node& node, const Truths& rules);
  /// The rules that decide, each with the truth that would help the whole.
  static void collect(const Node& node, const Truths& rules, Truth helps, std::vector<Change>& out);
  static std::string text_of(const Node& node, const std::function<std::string(std::uint32_t)>& shown, bool inner);

  Node root_;
};

}  // namespace postern::cli
