// A population says what evaluating each endpoint by itself says, after any sequence of changed facts, endpoints and
// tags, with every instruction set that this processor has.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "posture/compiled_tag.h"
#include "posture/population/population.h"
#include "posture/rules/registry.h"
#include "posture/test_facts.h"

namespace postern::posture {
namespace {

using Names = std::vector<std::string>;

/// The same endpoints and tags, held plainly.
class PlainFleet : public TagSource {
 public:
  struct Endpoint {
    FactMap facts;
    WallTime confirmed = WallTime::min();
    bool lapsed = false;
    FactMap seen() const {
      FactMap out = facts;
      for (auto& [key, fact] : out) {
        if (lapsed && fact.known() && !key.starts_with(keys::kEmsPrefix)) fact.value = Unknown{UnknownReason::kStale};
      }
      return out;
    }
  };
  std::map<Slot, Endpoint> endpoints;
  std::map<TagId, std::shared_ptr<const CompiledTag>> tags;
  Now now = testing::kNow;

  TagState state(Slot slot, const CompiledTag& tag) const {
    slot_ = slot;
    const Endpoint& one = endpoints.at(slot);
    const FactMap seen = one.seen();
    return tag.evaluate(FactView(seen, now, one.confirmed).with_tags(*this));
  }
  const Fact* find_tag(std::string_view reference) const override {
    static const Fact kStates[] = {testing::known(false), testing::unknown(UnknownReason::kFailed),
                                   testing::known(true)};
    for (const auto& [id, tag] : tags) {
      const TagDefinition& other = tag->definition();
      const bool meant = reference == other.name.str() || (reference == "classification/" + other.name.str() &&
                                                           other.kind == TagKind::kClassification);
      if (meant && other.enabled)
        return &kStates[static_cast<int>(state(slot_, *tag))];
    }
    return nullptr;
  }

 private:
  mutable Slot slot_ = 0;
};

class Dice {
 public:
  /// Without `refer`, no tag refers to another: then what follows from what a tag was is made use of.
  Dice(std::uint32_t seed, bool refer) : refer_(refer), random_(seed) {}
  std::uint32_t below(std::uint32_t bound) { return static_cast<std::uint32_t>(random_() % bound); }
  bool one_in(std::uint32_t n) { return below(n) == 0; }
  template <class T>
  const T& pick(const std::vector<T>& list) {
    return list[below(static_cast<std::uint32_t>(list.size()))];
  }
  Names some(const Names& list) {
    Names out;
    for (const auto& one : list) {
      if (one_in(2) && std::find(out.begin(), out.end(), one) == out.end()) out.push_back(one);
    }
    return out.empty() ? Names{pick(list)} : out;
  }

  RuleSpec rule(std::uint32_t id, TagId below_tag) {
    RuleSpec r;
    r.id = id;
    r.os = one_in(4) ? OsFamily::kWindows : OsFamily::kLinux;
    r.negate = one_in(3);
    if (one_in(5)) r.max_age = Seconds(60 + below(3) * 600);
    r.type = pick(Names{"vulnerable-devices", "ems-management", "os-version", "ip-range", "running-process", "file",
                        refer_ ? (one_in(4) ? "classification" : "tag") : "file"});
    if (r.type == "vulnerable-devices") r.parameters["severity"] = pick(Names{"low", "medium", "high", "critical"});
    if (r.type == "running-process") r.parameters["processes"] = some(kProcesses);
    if (r.type == "file") r.parameters["paths"] = some(r.os == OsFamily::kLinux ? kFiles : Names{"C:\\a", "C:\\b"});
    if (r.type == "ip-range") r.parameters["ranges"] = some({"10.0.1.0/24", "10.0.2.1-10.0.2.9", "::/0"});
    if (r.type == "os-version") r.parameters["versions"] = some({"Debian 12", "Debian 11", "Ubuntu"});
    // Those below it, so that none refers to itself; sometimes one that isn't there.
    if (r.type == "tag" || r.type == "classification")
      r.parameters["tags"] = some({tag_name(1 + below(below_tag - 1)), tag_name(1 + below(below_tag - 1))});
    return r;
  }
  static std::string tag_name(TagId id) { return "tag " + std::to_string(id); }

  std::string expression(const Names& ids, int depth) {
    if (depth == 0 || one_in(3)) return pick(ids);
    if (one_in(4)) return "not " + expression(ids, depth - 1);
    return "(" + expression(ids, depth - 1) + (one_in(2) ? " and " : " or ") + expression(ids, depth - 1) + ")";
  }

  TagDefinition tag(TagId id) {
    TagDefinition t;
    t.name = TagName(tag_name(id));
    t.enabled = !one_in(10);
    t.kind = one_in(3) ? TagKind::kSecurity : TagKind::kClassification;
    std::map<OsFamily, Names> ids;
    for (std::uint32_t i = 1, n = below(6); i <= n; ++i) {
      t.rules.push_back(rule(i, id));
      ids[t.rules.back().os].push_back(std::to_string(i));
    }
    for (const auto& [os, own] : ids) {
      if (one_in(2)) t.logic[os] = expression(own, 4);
    }
    return t;
  }

  std::pair<std::string, std::optional<Fact>> change(WallTime now) {
    using namespace keys;
    const auto process = process_running(pick(kProcesses)), file = file_exists(pick(kFiles));
    const std::string key =
        pick(Names{std::string(kOsFamily), std::string(kOsId), std::string(kOsName), std::string(kOsVersionId),
                   std::string(kEmsRegistered), std::string(kEmsOnline), std::string(kEmsVulnerabilities),
                   std::string(kInterfaces), std::string(kHostName), process, file, process, file});
    if (one_in(10)) return {key, std::nullopt};
    Fact fact = value(key);
    if (one_in(8)) fact.value = Unknown{static_cast<UnknownReason>(below(4))};
    if (one_in(25)) fact.value = std::int64_t{below(1000)};
    fact.collected_at = now - Seconds(below(2000)) - Millis(below(3));
    fact.source = pick(Names{"", "rtnetlink", "/etc/os-release"});
    return {key, std::move(fact)};
  }

 private:
  Fact value(const std::string& key) {
    using namespace keys;
    using testing::known;
    using testing::text;
    if (key == kOsFamily) return text(pick(Names{"linux", "linux", "linux", "windows", "plan9"}).c_str());
    if (key == kOsId) return text(pick(Names{"debian", "ubuntu"}).c_str());
    if (key == kOsName) return text(pick(Names{"Debian GNU/Linux", "Ubuntu"}).c_str());
    if (key == kOsVersionId) return text(pick(Names{"11", "12", "12.4", "sid"}).c_str());
    if (key == kHostName) return text(("host" + std::to_string(below(100'000))).c_str());
    if (key == kEmsVulnerabilities) {
      return known(
          VulnerabilityCounts{.critical = below(2), .high = below(3), .low = below(40), .unknown_fixable = below(2)});
    }
    if (key == kInterfaces) {
      const std::string address = "10.0." + std::to_string(below(4)) + "." + std::to_string(below(250));
      return known(std::vector<Interface>{testing::interface("ens3", {address.c_str(), "fe80::1"}, !one_in(4))});
    }
    return known(one_in(2));
  }
  inline static const Names kProcesses{"sshd", "clamd", "cupsd"};
  inline static const Names kFiles{"/etc/a", "/etc/b"};
  bool refer_;
  std::mt19937 random_;
};

/// A population and its plain double, which do the same and must say the same.
class Twins {
 public:
  Twins(std::uint32_t seed, const Kernels& kernels, std::size_t own_from)
      : dice_(seed, seed / 8 % 2 == 0), population_(Population::Options{kernels, own_from}) {}

  /// Endpoints far from one another, with slots between them that are not in use.
  void scatter() {
    std::vector<Slot> slots;
    for (int i = 0; i < 9000; ++i) slots.push_back(population_.add(plain_.now));
    for (const Slot slot : slots) {
      if (slot % 1000 == 7) {
        plain_.endpoints[slot];
      } else {
        population_.remove(slot);
      }
    }
  }

  void step() {
    plain_.now.wall += Millis(dice_.below(4000));
    const auto slot = some_slot();
    if (!slot || dice_.one_in(15)) return add();
    if (dice_.one_in(40)) return remove(*slot);
    if (dice_.one_in(12)) return set_tag();
    if (dice_.one_in(60)) return remove_tag();
    if (dice_.one_in(40)) return change_tags();
    if (dice_.one_in(30)) return what_if();
    if (dice_.one_in(30)) return load(*slot);
    if (dice_.one_in(10)) return confirm(*slot);
    if (dice_.one_in(12)) return lapse(*slot);
    if (dice_.one_in(40)) return hold_to(*slot);
    apply(*slot);
  }

  void compare() {
    // What became due meanwhile.
    for (std::size_t guard = 0; const auto slot = population_.due(plain_.now.wall); ++guard) {
      ASSERT_LT(guard, 10'000u);
      population_.judge_again(*slot, plain_.now);
    }
    ASSERT_EQ(population_.size(), plain_.endpoints.size());
    std::map<TagId, Population::Counts> counts;
    for (const auto& [slot, endpoint] : plain_.endpoints) {
      std::vector<TagId> has, unknown;
      for (const auto& [id, tag] : plain_.tags) {
        const TagState state = plain_.state(slot, *tag);
        ASSERT_EQ(tag_state_name(population_.state(slot, id)), tag_state_name(state))
            << "slot " << slot << " tag " << id;
        if (state == TagState::kHas) has.push_back(id), ++counts[id].has;
        if (state == TagState::kUnknown) unknown.push_back(id), ++counts[id].unknown;
        states_[static_cast<int>(state)]++;
      }
      ASSERT_EQ(population_.tags(slot), TagSets(has, unknown));
    }
    for (const auto& [id, tag] : plain_.tags) {
      ASSERT_EQ(population_.count(id), counts[id]) << id;
      ASSERT_EQ(population_.members(id, TagState::kHas).size(), counts[id].has);
      ASSERT_EQ(population_.members(id, TagState::kUnknown).size(), counts[id].unknown);
    }
  }
  void compare_facts() {
    for (const auto& [slot, endpoint] : plain_.endpoints) {
      ASSERT_EQ(population_.facts(slot), endpoint.facts) << slot;
      std::set<std::string_view> keys;
      for (const auto& key : population_.keys(slot)) keys.insert(key);
      ASSERT_EQ(keys.size(), population_.fact_count(slot));
      ASSERT_EQ(keys.size(), endpoint.facts.size());
      for (const auto& [key, fact] : endpoint.facts) {
        ASSERT_TRUE(keys.contains(key));
        ASSERT_EQ(population_.get(slot, key), fact);
      }
    }
  }
  const std::size_t* states() const { return states_; }
  std::size_t changes() const { return changes_; }
  Population& population() { return population_; }

 private:
  std::optional<Slot> some_slot() {
    if (plain_.endpoints.empty()) return std::nullopt;
    auto it = plain_.endpoints.begin();
    std::advance(it, dice_.below(static_cast<std::uint32_t>(plain_.endpoints.size())));
    return it->first;
  }
  void add() {
    const Slot slot = population_.add(plain_.now);
    ASSERT_TRUE(plain_.endpoints.emplace(slot, PlainFleet::Endpoint{}).second);
  }
  void remove(Slot slot) {
    population_.remove(slot);
    plain_.endpoints.erase(slot);
  }
  void apply(Slot slot) {
    std::map<std::string, std::optional<Fact>> changed;
    for (std::uint32_t i = 0, n = 1 + dice_.below(3); i < n; ++i) {
      auto [key, fact] = dice_.change(plain_.now.wall);
      changed[key] = std::move(fact);
    }
    std::vector<Population::Change> changes;
    for (const auto& [key, fact] : changed) changes.push_back({key, fact ? &*fact : nullptr});
    const TagSets before = population_.tags(slot);
    const auto said = population_.apply(slot, changes, plain_.now);
    auto& facts = plain_.endpoints[slot].facts;
    for (const auto& [key, fact] : changed) {
      if (fact) {
        facts[key] = *fact;
      } else {
        facts.erase(key);
      }
    }
    check(slot, before, said);
  }
  void check(Slot slot, TagSets before, const std::vector<TagChange>& said) {
    for (const TagChange& one : said) {
      ASSERT_NE(one.before, one.after);
      ASSERT_EQ(before.state(one.tag), one.before);
      before.set(one.tag, one.after);
    }
    ASSERT_EQ(before, population_.tags(slot));
    changes_ += said.size();
  }
  void confirm(Slot slot) {
    const WallTime at = plain_.now.wall - Seconds(dice_.below(700));
    const TagSets before = population_.tags(slot);
    const auto said = population_.confirm(slot, at, plain_.now);
    plain_.endpoints[slot].confirmed = at;
    check(slot, before, said);
  }
  void lapse(Slot slot) {
    const bool lapsed = dice_.one_in(4);
    const TagSets before = population_.tags(slot);
    const auto said = population_.lapse(slot, lapsed, plain_.now);
    plain_.endpoints[slot].lapsed = lapsed;
    ASSERT_EQ(population_.lapsed(slot), lapsed);
    check(slot, before, said);
  }
  void hold_to(Slot slot) {
    const WallTime latest = plain_.now.wall - Seconds(dice_.below(1500));
    const TagSets before = population_.tags(slot);
    const auto said = population_.hold_to(slot, latest, plain_.now);
    for (auto& [key, fact] : plain_.endpoints[slot].facts) {
      if (!key.starts_with(keys::kEmsPrefix)) fact.collected_at = std::min(fact.collected_at, latest);
    }
    check(slot, before, said);
  }
  void load(Slot slot) {
    auto& endpoint = plain_.endpoints[slot];
    endpoint.lapsed = false;
    endpoint.facts.clear();
    for (std::uint32_t i = 0, n = dice_.below(12); i < n; ++i) {
      auto [key, fact] = dice_.change(plain_.now.wall);
      if (fact) endpoint.facts[key] = *fact;
    }
    population_.load(slot, endpoint.facts, endpoint.confirmed);
    if (dice_.one_in(3)) {  // one that reports before its tags are what its facts say
      auto [key, fact] = dice_.change(plain_.now.wall);
      if (fact) {
        population_.set(slot, key, *fact, plain_.now);
        endpoint.facts[key] = *fact;
      }
    }
    std::vector<TagEffect> effects;
    population_.evaluate(plain_.now, &effects);
  }
  void set_tag() {
    const TagId id = 2 + dice_.below(9);
    TagDefinition definition = dice_.tag(id);
    if (dice_.one_in(10)) definition.name = TagName("another " + std::to_string(id));
    auto compiled = compile_tag(definition);
    ASSERT_TRUE(compiled.has_value()) << compiled.error().message;
    const auto tag = std::make_shared<const CompiledTag>(std::move(*compiled));
    const TagEffect foreseen = population_.what_if(id, *tag, plain_.now);
    const SlotSet had = population_.members(id, TagState::kHas), was = population_.members(id, TagState::kUnknown);
    std::vector<TagEffect> effects;
    const Status done = population_.set_tag(id, tag, plain_.now, &effects);
    ASSERT_TRUE(done.has_value()) << done.error().message;
    plain_.tags[id] = tag;
    const SlotSet has = population_.members(id, TagState::kHas), is = population_.members(id, TagState::kUnknown);
    for (const TagEffect& effect : effects) {
      if (effect.tag == id) compare_effect(effect, had, was, has, is);
    }
    compare_effect(foreseen, had, was, has, is);
  }
  /// Several at once: some go, some come, some are others, or called as another was.
  void change_tags() {
    std::vector<Population::TagEdit> edits;
    std::set<std::string> names;
    for (const auto& [id, tag] : plain_.tags) names.insert(tag->definition().name.str());
    for (TagId id = 2; id < 11; ++id) {
      if (!dice_.one_in(3)) continue;
      const auto it = plain_.tags.find(id);
      if (it != plain_.tags.end()) names.erase(it->second->definition().name.str());
      if (dice_.one_in(3)) {
        if (it != plain_.tags.end()) edits.push_back({id, nullptr});
        continue;
      }
      TagDefinition definition = dice_.tag(id);
      auto compiled = compile_tag(definition);
      ASSERT_TRUE(compiled.has_value()) << compiled.error().message;
      edits.push_back({id, std::make_shared<const CompiledTag>(std::move(*compiled))});
    }
    // In any order.
    for (std::size_t i = edits.size(); i > 1; --i) std::swap(edits[i - 1], edits[dice_.below(static_cast<std::uint32_t>(i))]);
    std::map<TagId, std::pair<SlotSet, SlotSet>> before;
    for (const TagId id : population_.tag_ids())
      before[id] = {population_.members(id, TagState::kHas), population_.members(id, TagState::kUnknown)};
    std::vector<TagEffect> effects;
    const Status done = population_.change_tags(edits, plain_.now, &effects);
    ASSERT_TRUE(done.has_value()) << done.error().message;
    for (const auto& edit : edits) {
      if (edit.tag != nullptr) {
        plain_.tags[edit.id] = edit.tag;
      } else {
        plain_.tags.erase(edit.id);
      }
    }
    for (const TagEffect& effect : effects) {
      const auto& [had, was] = before[effect.tag];
      compare_effect(effect, had, was, population_.members(effect.tag, TagState::kHas),
                     population_.members(effect.tag, TagState::kUnknown));
    }
  }
  void compare_effect(const TagEffect& effect, const SlotSet& had, const SlotSet& was, const SlotSet& has,
                      const SlotSet& is) {
    ASSERT_EQ(effect.has, has.size());
    ASSERT_EQ(effect.unknown, is.size());
    for (const auto& [slot, endpoint] : plain_.endpoints) {
      const bool absent = !has.contains(slot) && !is.contains(slot);
      ASSERT_EQ(effect.gain.contains(slot), has.contains(slot) && !had.contains(slot));
      ASSERT_EQ(effect.lose.contains(slot), absent && had.contains(slot));
      ASSERT_EQ(effect.become_unknown.contains(slot), is.contains(slot) && !was.contains(slot));
      ASSERT_EQ(effect.become_absent.contains(slot), absent && was.contains(slot));
      const bool changed = has.contains(slot) != had.contains(slot) || is.contains(slot) != was.contains(slot);
      ASSERT_EQ(effect.had.contains(slot), changed && had.contains(slot));
      ASSERT_EQ(effect.was_unknown.contains(slot), changed && was.contains(slot));
    }
  }
  void what_if() {
    auto compiled = compile_tag(dice_.tag(2 + dice_.below(9)));
    ASSERT_TRUE(compiled.has_value());
    const std::size_t conditions = population_.conditions();
    const TagEffect effect = population_.what_if(0, *compiled, plain_.now);
    ASSERT_EQ(population_.conditions(), conditions);
    for (const auto& [slot, endpoint] : plain_.endpoints) {
      const TagState state = plain_.state(slot, *compiled);
      ASSERT_EQ(effect.gain.contains(slot), state == TagState::kHas);
      ASSERT_EQ(effect.become_unknown.contains(slot), state == TagState::kUnknown);
    }
  }
  void remove_tag() {
    if (plain_.tags.empty()) return;
    const TagId id = plain_.tags.begin()->first;
    ASSERT_TRUE(population_.remove_tag(id, plain_.now));
    ASSERT_FALSE(population_.remove_tag(id, plain_.now));
    plain_.tags.erase(id);
  }

  Dice dice_;
  PlainFleet plain_;
  Population population_;
  std::size_t states_[3] = {}, changes_ = 0;
};

constexpr InstructionSet kAllSets[] = {InstructionSet::kPlain, InstructionSet::kSse2, InstructionSet::kSsse3,
                                       InstructionSet::kAvx2, InstructionSet::kAvx512};

TEST(PopulationProperty, SaysWhatEachEndpointByItselfSays) {
  std::size_t states[3] = {}, changes = 0;
  for (std::uint32_t seed = 0; seed < 40; ++seed) {
    const Kernels* kernels = kernels_of(kAllSets[seed % std::size(kAllSets)]);
    if (kernels == nullptr) kernels = &best_kernels();
    SCOPED_TRACE("seed " + std::to_string(seed) + " " + std::string(instruction_set_name(kernels->set)));
    // Now dictionaries of any size, now values of their own from the eighth on.
    Twins twins(seed, *kernels, seed % 2 == 0 ? 8192 : 8);
    if (seed % 4 == 3) twins.scatter();
    for (int step = 0; step < 250; ++step) {
      twins.step();
      if (::testing::Test::HasFatalFailure()) return;
      twins.compare();
      if (::testing::Test::HasFatalFailure()) FAIL() << "step " << step;
      if (step % 20 == 0) twins.compare_facts();
    }
    twins.compare_facts();
    for (int i = 0; i < 3; ++i) states[i] += twins.states()[i];
    changes += twins.changes();
  }
  // These were no trivial ones.
  for (const std::size_t seen : states) EXPECT_GT(seen, 5'000u);
  EXPECT_GT(changes, 500u);
}

}  // namespace
}  // namespace postern::posture
