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
  /// Single rules that alone would change it to `wanted`, and the truth that each would need.
  std::vector<std::pair<std::uint32_t, Truth>> levers(const Truths& rules, Truth wanted) const;
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
  static void collect(const Node& node, const Truths& rules, std::vector<std::uint32_t>& out);
  static std::string text_of(const Node& node, const std::function<std::string(std::uint32_t)>& shown, bool inner);

  Node root_;
};

}  // namespace postern::cli
