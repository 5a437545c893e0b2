#include "cli/logic.h"

#include <algorithm>
#include <cctype>

#include "base/text.h"

namespace postern::cli {
namespace {

constexpr std::size_t kDeepestLogic = 100;

Truth both(Truth a, Truth b) { return std::min(a, b); }
Truth either(Truth a, Truth b) { return std::max(a, b); }
Truth opposite(Truth a) { return a == Truth::kYes ? Truth::kNo : a == Truth::kNo ? Truth::kYes : Truth::kUnknown; }

}  // namespace

class Logic::Parser {
 public:
  explicit Parser(std::string_view text) : left_(text) {}

  Result<Node> whole() {
    auto node = alternatives();
    if (!node) return node;
    if (!next().empty()) return wrong();
    return node;
  }

 private:
  static tl::unexpected<Error> wrong() { return invalid("it is no expression over rule numbers"); }

  /// The next word or bracket, without taking it; empty at the end.
  std::string next() {
    left_ = trim(left_);
    if (left_.empty()) return "";
    std::size_t length = 1;
    if (std::isalnum(static_cast<unsigned char>(left_.front())) != 0) {
      while (length < left_.size() && std::isalnum(static_cast<unsigned char>(left_[length])) != 0) ++length;
    }
    taken_ = length;
    return to_lower(left_.substr(0, length));
  }
  void take() { left_.remove_prefix(taken_); }

  Result<Node> joined(const char* word, Node::Op op, Result<Node> (Parser::*part)()) {
    auto first = (this->*part)();
    if (!first) return first;
    Node all{.op = op};
    all.parts.push_back(std::move(*first));
    while (next() == word) {
      take();
      auto another = (this->*part)();
      if (!another) return another;
      all.parts.push_back(std::move(*another));
    }
    if (all.parts.size() > 1) return all;
    Node only = std::move(all.parts.front());
    return only;
  }
  Result<Node> alternatives() { return joined("or", Node::Op::kOr, &Parser::conjunction); }
  Result<Node> conjunction() { return joined("and", Node::Op::kAnd, &Parser::operand); }

  Result<Node> operand() {
    if (++depth_ > kDeepestLogic) return wrong();
    auto out = operand_within();
    --depth_;
    return out;
  }
  Result<Node> operand_within() {
    const std::string word = next();
    if (word.empty()) return wrong();
    take();
    if (word == "not") {
      auto part = operand();
      if (!part) return part;
      Node out{.op = Node::Op::kNot};
      out.parts.push_back(std::move(*part));
      return out;
    }
    if (word == "(") {
      auto part = alternatives();
      if (!part || next() != ")") return part ? Result<Node>(wrong()) : part;
      take();
      return part;
    }
    const auto number = parse_u64(word);
    if (!number || *number > 1'000'000) return wrong();
    return Node{.rule = static_cast<std::uint32_t>(*number)};
  }

  std::string_view left_;
  std::size_t taken_ = 0;
  std::size_t depth_ = 0;
};

Result<Logic> Logic::parse(std::string_view text) {
  auto node = Parser(text).whole();
  if (!node) return fail(node.error());
  Logic out;
  out.root_ = std::move(*node);
  return out;
}

Truth Logic::value_of(const Node& node, const Truths& rules) {
  switch (node.op) {
    case Node::Op::kRule: {
      const auto it = rules.find(node.rule);
      return it == rules.end() ? Truth::kUnknown : it->second;
    }
    case Node::Op::kNot:
      return opposite(value_of(node.parts.front(), rules));
    case Node::Op::kAnd: {
      Truth out = Truth::kYes;
      for (const Node& part : node.parts) out = both(out, value_of(part, rules));
      return out;
    }
    case Node::Op::kOr: {
      Truth out = Truth::kNo;
      for (const Node& part : node.parts) out = either(out, value_of(part, rules));
      return out;
    }
  }
  return Truth::kUnknown;
}

void Logic::collect(const Node& node, const Truths& rules, Truth helps, std::vector<Change>& out) {
  if (node.op == Node::Op::kRule) {
    const auto same = [&](const Change& c) { return c.rule == node.rule; };
    if (std::none_of(out.begin(), out.end(), same)) out.push_back({node.rule, helps});
    return;
  }
  // A part decides if it has the value that the whole has; not of it has the opposite, and always does.
  const Truth whole = value_of(node, rules);
  const bool turned = node.op == Node::Op::kNot;
  for (const Node& part : node.parts) {
    if (turned || value_of(part, rules) == whole) collect(part, rules, turned ? opposite(helps) : helps, out);
  }
}

Truth Logic::value(const Truths& rules) const { return value_of(root_, rules); }

std::vector<std::uint32_t> Logic::decisive(const Truths& rules) const {
  std::vector<Change> found;
  collect(root_, rules, Truth::kYes, found);
  std::vector<std::uint32_t> out;
  for (const Change& change : found) out.push_back(change.rule);
  return out;
}

std::vector<Logic::Change> Logic::levers(const Truths& rules, Truth wanted) const {
  std::vector<Change> out;
  for (const auto& [rule, now] : rules) {
    for (const Truth other : {Truth::kYes, Truth::kNo}) {
      if (other == now) continue;
      Truths changed = rules;
      changed[rule] = other;
      if (value(changed) == wanted) out.push_back({rule, other});
    }
  }
  return out;
}

std::vector<Logic::Change> Logic::mend(const Truths& rules) const {
  Truths now = rules;
  std::vector<Change> done;
  while (value(now) != Truth::kYes) {
    std::vector<Change> next;
    collect(root_, now, Truth::kYes, next);
    std::erase_if(next, [&](const Change& c) { return now[c.rule] == c.to; });
    if (next.empty() || done.size() > rules.size()) return {};  // "1 and not 1"
    for (const Change& change : next) {
      now[change.rule] = change.to;
      done.push_back(change);
    }
  }
  for (std::size_t i = done.size(); i-- > 0;) {
    Truths without = now;
    const auto before = rules.find(done[i].rule);
    without[done[i].rule] = before == rules.end() ? Truth::kUnknown : before->second;
    if (value(without) != Truth::kYes) continue;
    now = std::move(without);
    done.erase(done.begin() + static_cast<std::ptrdiff_t>(i));
  }
  return done;
}

std::string Logic::text_of(const Node& node, const std::function<std::string(std::uint32_t)>& shown, bool inner) {
  if (node.op == Node::Op::kRule) return shown(node.rule);
  if (node.op == Node::Op::kNot) return "not " + text_of(node.parts.front(), shown, true);
  std::vector<std::string> parts;
  for (const Node& part : node.parts) parts.push_back(text_of(part, shown, true));
  const std::string all = join(parts, node.op == Node::Op::kAnd ? " and " : " or ");
  return inner ? "(" + all + ")" : all;
}

std::string Logic::text(const std::function<std::string(std::uint32_t)>& shown) const {
  return text_of(root_, shown, false);
}

}  // namespace postern::cli
