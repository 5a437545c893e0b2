#include "agent/collectors/protection/input_walk.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace postern::agent {
namespace {

using Kind = NftVerdict::Kind;

constexpr int kMaxJumps = 32;  // the kernel allows 16
constexpr double kMostLetIn = 0.125;  // of all ports, or of all senders

}  // namespace

InputRules::Walk::Walk(const InputRules& rules, Table table, std::uint8_t family)
    : all_(rules), table_(std::move(table)), family_(family) {}

ChainEnds InputRules::Walk::chain(const std::string& name, int depth) {
  if (const auto it = known_.find(name); it != known_.end()) return it->second;
  const auto it = all_.chains_.find({table_, name});
  if (it == all_.chains_.end() || depth > kMaxJumps) return {.unclear = true};
  ChainEnds out;
  bool goes_on = true;
  for (const auto& rule : it->second.rules) {
    if (goes_on) goes_on = take(rule, depth, out);
  }
  out.returned = out.returned || goes_on;
  known_[name] = out;
  return out;
}

InputRules::Walk::Asked InputRules::Walk::both(Asked a, Asked b) {
  return {meaning_of_both(a.meaning, b.meaning), std::min(a.share, b.share)};
}

InputRules::Walk::Asked InputRules::Walk::asks(const NftRule& rule) const {
  Asked what;
  for (std::size_t i = 0; i < rule.tests.size() && !rule.tests[i].map; ++i) {
    const auto& test = rule.tests[i];
    const auto range = i + 1 < rule.tests.size() ? meaning_of_range(test, rule.tests[i + 1]) : std::nullopt;
    what = both(what, range ? Asked{*range, share_of_range(test, rule.tests[i + 1])} : of(test));
    i += range ? 1 : 0;
  }
  return what;
}

/// False: nothing comes behind this rule.
bool InputRules::Walk::take(const NftRule& rule, int depth, ChainEnds& out) {
  const auto what = asks(rule);
  const auto map = std::ranges::find(rule.tests, true, &NftTest::map);
  return map != rule.tests.end() ? by_map(rule, *map, what, depth, out) : by_verdict(rule.verdict, what, depth, out);
}

InputRules::Walk::Asked InputRules::Walk::of(const NftTest& test) const {
  const auto with_share = [&](NftMeaning meaning, std::size_t values) {
    return Asked{meaning, meaning == NftMeaning::kNarrow ? share_of(test, values) : 1};
  };
  if (is_translated(test)) return {all_.translates_few(family_) ? NftMeaning::kNarrow : NftMeaning::kUnclear, 0};
  if (test.set.empty()) return with_share(meaning_of(test, {test.value}, family_), 1);
  const auto it = all_.elements_.find({table_, test.set});
  if (it == all_.elements_.end()) return {NftMeaning::kUnclear, 1};
  const bool plain = is_plain(test.set, it->second);
  std::vector<Bytes> values;
  for (const auto& element : it->second) {
    if (!element.end) values.push_back(element.key);
  }
  if (!is_counted(test)) {
    const auto meaning = meaning_of(test, values, family_);
    return with_share(plain || meaning == NftMeaning::kMaybe ? meaning : NftMeaning::kUnclear, values.size());
  }
  if (test.how == NftTest::How::kNotEqual || values.size() > kFewPorts) return {NftMeaning::kMaybe, 1};
  NftTest one = test;
  one.bits = values.empty() ? 0 : 8 * values.front().size();
  return {plain ? NftMeaning::kNarrow : NftMeaning::kUnclear, share_of(one, values.size())};
}

bool InputRules::Walk::is_plain(const std::string& set, const std::vector<NftElement>& elements) const {
  return all_.plain_.contains({table_, set}) && std::ranges::none_of(elements, [](const NftElement& e) { return e.end || e.rest; });
}

/// Each element of a map is a rule of its own; what none of them names goes on.
bool InputRules::Walk::by_map(const NftRule& rule, const NftTest& test, Asked before, int depth, ChainEnds& out) {
  const auto it = all_.elements_.find({table_, test.set});
  const bool by_interface = test.subject == NftTest::Subject::kInterface;  // the beginning of a name is an interval
  if (it == all_.elements_.end() || (!by_interface && !is_plain(test.set, it->second))) {
    if (before.meaning != NftMeaning::kNever && before.meaning != NftMeaning::kNarrow) out.unclear = true;
    return true;
  }
  bool goes_on = true;
  for (const auto& element : it->second) {
    if (element.end) continue;
    NftTest one = test;
    one.value = element.key;
    one.bits = 8 * element.key.size();
    const Asked named{meaning_of(one, {element.key}, family_), share_of(one, 1)};
    goes_on = by_verdict(element.verdict, both(before, named), depth, out) && goes_on;
  }
  return goes_on || rule.tests.size() > 1;
}

bool InputRules::Walk::by_verdict(const NftVerdict& verdict, Asked asked, int depth, ChainEnds& out) {
  const auto what = asked.meaning;
  if (verdict.kind == Kind::kNone || what == NftMeaning::kNever) return true;
  if (what == NftMeaning::kNarrow) {
    // Many of them may let in everything together.
    const bool drops = verdict.kind == Kind::kDrop || verdict.kind == Kind::kReturn;
    if (!drops) let_in_ += asked.share;
    out.unclear = out.unclear || let_in_ > kMostLetIn;
    return true;
  }
  auto ends = ends_of(verdict, depth);
  const bool comes_back = ends.returned && verdict.kind == Kind::kJump;
  if (verdict.kind == Kind::kJump) ends.returned = false;
  // That some of it is dropped changes nothing; that it may be accepted does.
  if (what == NftMeaning::kUnclear) ends = {.unclear = ends.accepted || ends.returned || ends.unclear};
  out.add(ends);
  return what != NftMeaning::kAlways || comes_back;
}

ChainEnds InputRules::Walk::ends_of(const NftVerdict& verdict, int depth) {
  switch (verdict.kind) {
    case Kind::kAccept:
      return {.accepted = true};
    case Kind::kDrop:
      return {};
    case Kind::kReturn:
      return {.returned = true};
    case Kind::kJump:
    case Kind::kGoto:
      return chain(verdict.chain, depth + 1);
    default:
      return {.unclear = true};
  }
}

}  // namespace postern::agent
