// Incremental equals full: after any sequence of changed facts and changed tags, re-evaluating only
// what the index names gives what evaluating everything gives. And a known state is never a guess: no
// value of a fact that was unknown can change it.
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "base/random.h"
#include "posture/engine.h"
#include "posture/tag_json.h"
#include "posture/test_facts.h"

namespace postern::posture {
namespace {

using namespace testing;
using Texts = std::vector<std::string>;

class World {
 public:
  explicit World(std::uint64_t seed) : random_(seed) {}

  bool chance(std::uint64_t one_in) { return random_.below(one_in) == 0; }
  std::uint64_t below(std::uint64_t bound) { return random_.below(bound); }
  template <class T>
  const T& pick(const std::vector<T>& list) {
    return list[random_.below(list.size())];
  }
  Texts some(const Texts& list) {
    Texts out;
    for (const auto& text : list) {
      if (chance(2)) out.push_back(text);
    }
    if (out.empty()) out.push_back(pick(list));
    return out;
  }

  RuleSpec rule(std::uint32_t id) {
    RuleSpec r;
    r.id = id;
    r.os = chance(4) ? OsFamily::kWindows : OsFamily::kLinux;
    r.negate = chance(3);
    r.type = pick(Texts{"vulnerable-devices", "running-process", "file", "ip-range", "os-version", "ems-management"});
    if (r.type == "vulnerable-devices")
      r.parameters["severity"] = pick(Texts{"low", "medium", "high", "critical"});
    if (r.type == "running-process") r.parameters["processes"] = some(kProcesses);
    if (r.type == "file")
      r.parameters["paths"] = some(r.os == OsFamily::kLinux ? kFiles : Texts{"C:\\a", "C:\\b"});
    if (r.type == "ip-range")
      r.parameters["ranges"] = some({"10.0.1.0/24", "10.0.2.1-10.0.2.9", "::/0"});
    if (r.type == "os-version" && chance(2)) {
      r.parameters["versions"] = some({"Debian 12", "Debian 11", "Ubuntu"});
    } else if (r.type == "os-version") {
      r.parameters["family"] = std::string("debian");
      r.parameters["op"] = pick(Texts{"=", "!=", "<", "<=", ">", ">="});
      r.parameters["version"] = pick(Texts{"11", "12", "12.4"});
    }
    if ((r.type == "running-process" || r.type == "file" || r.type == "ip-range") && chance(2))
      r.parameters["match"] = pick(Texts{"all", "any"});
    return r;
  }

  std::string expression(const Texts& ids, int depth) {
    if (depth == 0 || chance(3)) return pick(ids);
    if (chance(4)) return "not " + expression(ids, depth - 1);
    const char* word = chance(2) ? " and " : " or ";
    return "(" + expression(ids, depth - 1) + word + expression(ids, depth - 1) + ")";
  }

  TagDefinition tag(TagId id) {
    TagDefinition t;
    t.name = TagName("tag " + std::to_string(id));
    t.enabled = !chance(8);
    std::map<OsFamily, Texts> ids;
    for (std::uint32_t i = 1, n = static_cast<std::uint32_t>(below(5)); i <= n; ++i) {
      t.rules.push_back(rule(i));
      ids[t.rules.back().os].push_back(std::to_string(i));
    }
    for (const auto& [os, own] : ids) {
      if (chance(2)) t.logic[os] = expression(own, 3);
    }
    return t;
  }

  /// Another value for a random fact, sometimes unknown, sometimes none, sometimes of the wrong
  /// type. Returns its key.
  std::string change(FactMap& facts) {
    const std::vector<std::pair<std::string, std::vector<FactValue>>> choices = choices_();
    const auto& [key, values] = choices[below(choices.size())];
    if (chance(8)) {
      facts.erase(key);
    } else if (chance(6)) {
      facts[key] = unknown(static_cast<UnknownReason>(below(4)));
    } else if (chance(20)) {
      facts[key] = known(std::int64_t{7});
    } else {
      facts[key] = known(pick(values));
    }
    return key;
  }

 private:
  static std::vector<std::pair<std::string, std::vector<FactValue>>> choices_() {
    std::vector<std::pair<std::string, std::vector<FactValue>>> out;
    const auto key = [](std::string_view k) { return std::string(k); };
    out.push_back({key(keys::kOsFamily),
                   {std::string("linux"), std::string("linux"), std::string("windows"),
                    std::string("plan9")}});
    out.push_back({key(keys::kOsId), {std::string("debian"), std::string("ubuntu")}});
    out.push_back({key(keys::kOsName), {std::string("Debian GNU/Linux"), std::string("Ubuntu")}});
    out.push_back(
        {key(keys::kOsVersionId),
         {std::string("11"), std::string("12"), std::string("12.4"), std::string("sid")}});
    out.push_back({key(keys::kEmsRegistered), {true, false}});
    out.push_back({key(keys::kEmsOnline), {true, false}});
    out.push_back(
        {key(keys::kEmsVulnerabilities),
         {VulnerabilityCounts{}, VulnerabilityCounts{.critical = 1}, VulnerabilityCounts{.low = 1},
          VulnerabilityCounts{.unknown = 1, .unknown_fixable = 1}}});
    out.push_back(
        {key(keys::kInterfaces),
         {std::vector<Interface>{interface("a", {"10.0.1.2"})},
          std::vector<Interface>{interface("a", {"10.0.1.2"}, false), interface("b", {"fe80::1"})},
          std::vector<Interface>{interface("a", {"10.0.1.9", "10.0.2.3"})},
          std::vector<Interface>{}}});
    for (const std::string& p : kProcesses)
      out.push_back({keys::process_running(p), {true, false}});
    for (const std::string& f : kFiles) out.push_back({keys::file_exists(f), {true, false}});
    out.push_back({"host.name", {std::string("a"), std::string("b")}});  // no rule reads it
    return out;
  }

  inline static const Texts kProcesses{"sshd", "clamd", "cupsd"};
  inline static const Texts kFiles{"/etc/a", "/etc/b"};
  SeededRandom random_;
};

TEST(TagEngineProperty, IncrementalEqualsFull) {
  std::size_t changes = 0, spared = 0, seen[3] = {};
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    World world(seed);
    TagEngine engine;
    FactMap facts;
    for (int i = 0; i < 12; ++i) world.change(facts);
    TagSets sets = engine.evaluate_all({facts, kNow});
    for (int step = 0; step < 60; ++step) {
      std::vector<TagId> affected;
      if (world.chance(4)) {
        const TagId id = 2 + static_cast<TagId>(world.below(6));
        if (world.chance(5)) {
          (void)engine.remove(id);
        } else {
          const TagDefinition tag = world.tag(id);
          const Status set = engine.set(id, tag);
          ASSERT_TRUE(set.has_value()) << set.error().message << " " << print_tag_json(tag);
          const auto again = parse_tag_json(print_tag_json(tag));
          ASSERT_TRUE(again.has_value()) << again.error().message;
          ASSERT_EQ(*again, tag);
        }
        affected = {id};
      } else {
        std::vector<std::string> keys;
        for (std::uint64_t i = 0, n = 1 + world.below(3); i < n; ++i)
          keys.push_back(world.change(facts));
        affected = engine.affected_by(keys);
        spared += engine.tags().size() - affected.size();
      }
      const TagSets before = sets;
      const auto changed = engine.reevaluate(affected, {facts, kNow}, sets);
      changes += changed.size();
      const TagSets full = engine.evaluate_all({facts, kNow});
      ASSERT_EQ(sets, full) << "step " << step;
      for (const TagChange& change : changed) {
        ASSERT_NE(change.before, change.after);
        ASSERT_EQ(change.before, before.state(change.tag));
        ASSERT_EQ(change.after, full.state(change.tag));
      }
      for (const TagId id : engine.tags()) {
        ++seen[static_cast<int>(full.state(id))];
        ASSERT_EQ(engine.explain(id, {facts, kNow})->state, full.state(id));
      }
    }
  }
  // The worlds are no trivial ones: states change, all three occur, and the index spares work.
  EXPECT_GT(changes, 1000u);
  EXPECT_GT(spared, 10'000u);
  for (const std::size_t count : seen) EXPECT_GT(count, 1000u);
}

/// What every rule of the endpoint's system says, taken from explain(); the tag's state computed
/// from it by hand.
Verdict by_hand(const TagExplanation& why, const TagDefinition& tag) {
  std::map<std::uint32_t, Verdict> verdicts;
  Verdict all = Verdict::kMatch;
  for (const RuleExplanation& rule : why.rules) {
    verdicts[rule.id] = rule.verdict;
    all = verdict_and(all, rule.verdict);
  }
  if (why.rules.empty()) return Verdict::kNoMatch;
  const auto text = tag.logic.find(*why.os);
  if (text == tag.logic.end()) return all;
  const Logic logic = Logic::parse(text->second).value();
  return logic.evaluate([&](std::size_t i) { return verdicts.at(logic.rules()[i]); });
}

TEST(TagEngineProperty, UnknownIsNeverAGuess) {
  // Where a tag is judged known although facts are unknown, no value of these facts may change the
  // judgement.
  std::size_t judged = 0;
  for (std::uint64_t seed = 1000; seed < 1200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    World world(seed);
    TagEngine engine;
    const TagDefinition tag = world.tag(2);
    ASSERT_TRUE(engine.set(2, tag));
    FactMap facts = linux_facts();
    for (int i = 0; i < 12; ++i) world.change(facts);
    const auto why = engine.explain(2, {facts, kNow});
    if (why->reason == "logic") {
      const TagState states[] = {TagState::kAbsent, TagState::kUnknown, TagState::kHas};
      ASSERT_EQ(why->state, states[static_cast<int>(by_hand(*why, tag))]);
    }
    const TagState state = engine.evaluate(2, {facts, kNow});
    if (state == TagState::kUnknown) continue;
    ++judged;
    for (int i = 0; i < 200; ++i) {
      FactMap other = facts;
      const std::string key = world.change(other);
      const auto old = facts.find(key);
      if (old != facts.end() && old->second.known()) continue;
      const TagState now = engine.evaluate(2, {other, kNow});
      ASSERT_TRUE(now == state) << key << " " << tag_state_name(state) << " became "
                                << tag_state_name(now) << " " << print_tag_json(tag);
    }
  }
  EXPECT_GT(judged, 50u);
}

}  // namespace
}  // namespace postern::posture
