#include "posture/population/program.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "posture/fact_keys.h"
#include "posture/tag.h"

namespace postern::posture {
namespace {

// A rule's identity begins with its system.
constexpr std::string_view kSystem = "os/", kUnknownSystem = "os/unknown";

/// Conditions joined by and or or, with nots at the leaves only: De Morgan's laws hold in Kleene's logic too.
struct Node {
  enum class Kind { kLeaf, kAnd, kOr } kind = Kind::kLeaf;
  std::uint32_t operand = 0;
  bool negate = false;
  std::vector<Node> of;
};

Node leaf(std::uint32_t operand) { return {Node::Kind::kLeaf, operand, false, {}}; }

void negate(Node& node) {
  if (node.kind == Node::Kind::kLeaf) node.negate = !node.negate;
  if (node.kind == Node::Kind::kAnd) {
    node.kind = Node::Kind::kOr;
  } else if (node.kind == Node::Kind::kOr) {
    node.kind = Node::Kind::kAnd;
  }
  for (Node& one : node.of) negate(one);
}

/// `a` and what is joined in the same way already become one list.
Node joined(Node::Kind kind, Node a, Node b) {
  Node out{kind, 0, false, {}};
  for (Node* one : {&a, &b}) {
    if (one->kind == kind) {
      std::move(one->of.begin(), one->of.end(), std::back_inserter(out.of));
    } else {
      out.of.push_back(std::move(*one));
    }
  }
  return out;
}

/// The endpoint's system is this one.
class OsIs final : public Condition {
 public:
  explicit OsIs(OsFamily os) : os_(os) { keys_ = {std::string(keys::kOsFamily)}; }
  Judgement judge(const FactView& facts) const override {
    const Fact* fact = facts.find(keys::kOsFamily);
    const auto* name = fact == nullptr ? nullptr : fact->as<std::string>();
    return {verdict_of(name != nullptr && parse_os_family(*name) == os_), &kReason};
  }
  std::string describe() const override { return fmt::format("the system is {}", os_family_name(os_)); }

 private:
  static constexpr Reason kReason{"os", "the endpoint's system"};
  OsFamily os_;
};

/// Unknown where nobody knows the system, or it is one that no rule can be written for; else no match.
class OsUnknown final : public Condition {
 public:
  OsUnknown() { keys_ = {std::string(keys::kOsFamily)}; }
  Judgement judge(const FactView& facts) const override {
    const Fact* fact = facts.find(keys::kOsFamily);
    const auto* name = fact == nullptr ? nullptr : fact->as<std::string>();
    const bool ours = name != nullptr && parse_os_family(*name).has_value();
    return {ours ? Verdict::kNoMatch : Verdict::kUnknown, &kReason};
  }
  std::string describe() const override { return "the system is unknown"; }

 private:
  static constexpr Reason kReason{"os_unknown", "no rules are written for the endpoint's system, or it is not known"};
};

const Condition& os_is(OsFamily os) {
  static const std::array<OsIs, kOsFamilies> kConditions{OsIs(OsFamily::kLinux), OsIs(OsFamily::kWindows),
                                                         OsIs(OsFamily::kMacos), OsIs(OsFamily::kIos),
                                                         OsIs(OsFamily::kAndroid)};
  return kConditions[static_cast<std::size_t>(os)];
}
const Condition& os_unknown() {
  static const OsUnknown kCondition;
  return kCondition;
}

Node condition_node(const Condition& condition, const std::string& identity, std::optional<Seconds> max_age,
                    ConditionNumbers& numbers) {
  const SetParts* parts = condition.parts();
  if (parts == nullptr || parts->conditions.empty()) return leaf(numbers.number(identity, condition, max_age));
  const auto kind = parts->match == Match::kAll ? Node::Kind::kAnd : Node::Kind::kOr;
  Node out{kind, 0, false, {}};
  for (std::size_t i = 0; i < parts->conditions.size(); ++i)
    out.of.push_back(condition_node(*parts->conditions[i], fmt::format("{}/part{}", identity, i), max_age, numbers));
  if (out.of.size() == 1) return std::move(out.of.front());
  return out;
}

Node rule_node(const CompiledRule& rule, ConditionNumbers& numbers) {
  Node node = condition_node(*rule.condition, rule.identity, rule.max_age, numbers);
  if (rule.negate) negate(node);
  return node;
}

Node part_node(const CompiledTag::Part& part, ConditionNumbers& numbers) {
  std::vector<Node> stack;
  for (const Logic::Step& step : part.logic.steps()) {
    switch (step.op) {
      case Logic::Op::kRule:
        stack.push_back(rule_node(part.rules[part.order[step.index]], numbers));
        break;
      case Logic::Op::kNot:
        negate(stack.back());
        break;
      default: {
        Node right = std::move(stack.back());
        stack.pop_back();
        const auto kind = step.op == Logic::Op::kAnd ? Node::Kind::kAnd : Node::Kind::kOr;
        stack.back() = joined(kind, std::move(stack.back()), std::move(right));
      }
    }
  }
  return std::move(stack.front());
}

void emit(const Node& node, std::vector<LogicStep>& out) {
  using Op = LogicStep::Op;
  if (node.kind == Node::Kind::kLeaf) {
    out.push_back({node.negate ? Op::kTakeNot : Op::kTake, node.operand});
    return;
  }
  // What has to be worked out comes first, so that only the second such needs the first put aside.
  const bool all = node.kind == Node::Kind::kAnd;
  bool in_hand = false;
  for (const Node& one : node.of) {
    if (one.kind == Node::Kind::kLeaf) continue;
    if (in_hand) out.push_back({Op::kPutAside, 0});
    emit(one, out);
    if (in_hand) out.push_back({all ? Op::kAndAside : Op::kOrAside, 0});
    in_hand = true;
  }
  for (const Node& one : node.of) {
    if (one.kind != Node::Kind::kLeaf) continue;
    const Op join = all ? (one.negate ? Op::kAndNot : Op::kAnd) : (one.negate ? Op::kOrNot : Op::kOr);
    out.push_back({in_hand ? join : one.negate ? Op::kTakeNot : Op::kTake, one.operand});
    in_hand = true;
  }
}

}  // namespace

bool is_about_system(std::string_view identity) { return identity.starts_with(kSystem); }
bool is_system_of_rule(std::string_view system, std::string_view rule) {
  return is_about_system(system) && rule.substr(0, rule.find('/')) == system.substr(kSystem.size());
}

std::vector<LogicStep> compile_steps(const CompiledTag& tag, ConditionNumbers& numbers) {
  std::vector<LogicStep> out;
  if (!tag.definition().enabled) return out;
  if (const CompiledRule* sole = tag.sole_rule()) {
    emit(rule_node(*sole, numbers), out);
    return out;
  }
  if (tag.definition().rules.empty()) return out;
  Node any = leaf(numbers.number(std::string(kUnknownSystem), os_unknown(), std::nullopt));
  for (const OsFamily os : kAllOsFamilies) {
    const CompiledTag::Part& part = tag.part(os);
    if (part.logic.steps().empty()) continue;
    Node is = leaf(numbers.number(fmt::format("{}{}", kSystem, os_family_name(os)), os_is(os), std::nullopt));
    any = joined(Node::Kind::kOr, joined(Node::Kind::kAnd, part_node(part, numbers), std::move(is)), std::move(any));
  }
  emit(any, out);
  return out;
}

}  // namespace postern::posture
