#include "ems/registry/posture_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "posture/compiled_tag.h"
#include "posture/fact_keys.h"
#include "posture/tag_json.h"

namespace postern::ems {
namespace {

namespace keys = posture::keys;
using posture::TagState;

constexpr posture::TagId kSshd = 2, kAv = 3, kBoth = 4;

std::shared_ptr<const posture::CompiledTag> compiled(const std::string& json) {
  auto definition = posture::parse_tag_json(json);
  EXPECT_TRUE(definition) << definition.error().message;
  auto tag = posture::compile_tag(*definition);
  EXPECT_TRUE(tag) << tag.error().message;
  return std::make_shared<const posture::CompiledTag>(std::move(*tag));
}

std::shared_ptr<const posture::CompiledTag> process_tag(const std::string& name, const std::string& process,
                                                        bool negate = false) {
  return compiled(R"({"name":")" + name + R"(","rules":[{"id":1,"os":"linux","type":"running-process","negate":)" +
                  (negate ? "true" : "false") + R"(,"processes":[")" + process + R"("]}]})");
}

std::shared_ptr<const posture::CompiledTag> both() {
  return compiled(R"({"name":"Both","rules":[{"id":1,"os":"linux","type":"tag","tags":["Sshd","Av"]}]})");
}

class PostureTableTest : public ::testing::Test {
 protected:
  Now now{WallTime(Seconds(1'700'000'000)), MonoTime()};
  PostureTable table;

  Status set_tag(posture::TagId id, std::shared_ptr<const posture::CompiledTag> tag) {
    const PostureTable::TagEdit edit{id, tag};
    auto ok = table.change_tags({&edit, 1}, now);
    if (ok) tags[id] = std::move(tag);
    return ok;
  }
  Result<std::vector<posture::TagEffect>> what_if(const std::vector<PostureTable::TagEdit>& edits) {
    return table.what_if(edits, [this](posture::TagId id) { return tags[id]; }, now);
  }
  std::map<posture::TagId, std::shared_ptr<const posture::CompiledTag>> tags;

  posture::Fact fact(posture::FactValue value) const { return {std::move(value), now.wall, "test"}; }
  posture::Slot linux_endpoint() {
    const auto slot = table.add(now);
    change(slot, keys::kOsFamily, std::string("linux"));
    return slot;
  }
  void change(posture::Slot slot, std::string_view key, posture::FactValue value) {
    const PostureTable::Edit edit{std::string(key), fact(std::move(value))};
    table.change(slot, {&edit, 1}, now);
  }
  void runs(posture::Slot slot, const std::string& process, bool running) {
    change(slot, keys::process_running(process), running);
  }
  void follow_all(posture::Slot slot) {
    table.follow(slot, waiting(slot));
  }
  std::vector<posture::TagId> waiting(posture::Slot slot) const {
    std::vector<posture::TagId> out;
    for (const auto& said : table.waiting(slot)) out.push_back(said.tag);
    return out;
  }
  void follow(posture::Slot slot, posture::TagId tag) { table.follow(slot, {&tag, 1}); }
  /// For how many tags endpoints wait.
  std::size_t count_waiting(const std::vector<posture::Slot>& slots) const {
    std::size_t out = 0, who = 0;
    for (const auto slot : slots) {
      const auto tags = table.waiting(slot).size();
      EXPECT_EQ(table.who_waits().contains(slot), tags != 0);
      out += tags;
      who += tags != 0;
    }
    EXPECT_EQ(table.who_waits().size(), who);
    return out;
  }
};

TEST_F(PostureTableTest, WhoHasNotFollowedKeepsWhatItHad) {
  ASSERT_TRUE(set_tag(kSshd, process_tag("Sshd", "sshd")));
  const auto slot = linux_endpoint();
  runs(slot, "sshd", true);
  EXPECT_EQ(table.judged(slot, kSshd), TagState::kHas);
  EXPECT_EQ(table.state(slot, kSshd), TagState::kAbsent);
  EXPECT_EQ(table.waiting(slot), (std::vector<PostureTable::Said>{{kSshd, TagState::kAbsent}}));
  EXPECT_EQ(table.tags(slot), posture::TagSets());
  follow(slot, kSshd);
  EXPECT_EQ(table.state(slot, kSshd), TagState::kHas);
  EXPECT_EQ(table.tags(slot), posture::TagSets({kSshd}, {}));
  EXPECT_EQ(count_waiting({slot}), 0u);
  // There and back again: nothing is left to follow.
  runs(slot, "sshd", false);
  EXPECT_EQ(table.state(slot, kSshd), TagState::kHas);
  runs(slot, "sshd", true);
  EXPECT_TRUE(table.waiting(slot).empty());
}

TEST_F(PostureTableTest, AChangedTagReachesEachWhenItFollows) {
  std::vector<posture::Slot> slots;
  ASSERT_TRUE(set_tag(kSshd, process_tag("Sshd", "sshd")));
  for (int i = 0; i < 200; ++i) {
    slots.push_back(linux_endpoint());
    runs(slots.back(), "sshd", i % 2 == 0);
    follow_all(slots.back());
  }
  table.commit();
  ASSERT_TRUE(set_tag(kSshd, process_tag("Sshd", "sshd", true)));
  EXPECT_EQ(count_waiting(slots), 200u);
  for (std::size_t i = 0; i < slots.size(); ++i) {
    EXPECT_EQ(table.state(slots[i], kSshd), i % 2 == 0 ? TagState::kHas : TagState::kAbsent);
  }
  std::size_t followed = 0;
  for (const auto slot : table.who_waits().slots()) {
    ASSERT_EQ(waiting(slot), std::vector{kSshd});
    if (++followed % 3 != 0) follow(slot, kSshd);
  }
  EXPECT_EQ(followed, 200u);
  EXPECT_EQ(count_waiting(slots), 66u);
  // Back to what it was: those who had not followed have nothing to follow.
  ASSERT_TRUE(set_tag(kSshd, process_tag("Sshd", "sshd")));
  EXPECT_EQ(count_waiting(slots), 134u);
  table.rollback(now);
  EXPECT_EQ(count_waiting(slots), 0u);
  for (std::size_t i = 0; i < slots.size(); ++i) {
    EXPECT_EQ(table.state(slots[i], kSshd), i % 2 == 0 ? TagState::kHas : TagState::kAbsent);
  }
}

TEST_F(PostureTableTest, ATagThatIsGoneIsKeptUntilItIsFollowed) {
  ASSERT_TRUE(set_tag(kSshd, process_tag("Sshd", "sshd")));
  const auto slot = linux_endpoint();
  runs(slot, "sshd", true);
  follow_all(slot);
  ASSERT_TRUE(set_tag(kSshd, nullptr));
  EXPECT_EQ(table.state(slot, kSshd), TagState::kHas);
  follow_all(slot);
  EXPECT_EQ(table.state(slot, kSshd), TagState::kAbsent);
  EXPECT_FALSE(set_tag(kSshd, nullptr));
}

TEST_F(PostureTableTest, WhatWasStoredIsWhatAnEndpointHasUntilItFollows) {
  const auto a = table.add(now), b = table.add(now), c = table.add(now);
  posture::FactMap facts;
  facts[std::string(keys::kOsFamily)] = fact(std::string("linux"));
  facts[keys::process_running("sshd")] = fact(true);
  for (const auto slot : {a, b, c}) table.load_facts(slot, facts);
  EXPECT_EQ(table.bytes(a), fact_bytes(keys::kOsFamily, facts.at(std::string(keys::kOsFamily))) +
                                fact_bytes(keys::process_running("sshd"), facts.at(keys::process_running("sshd"))));
  table.load_tags(a, posture::TagSets({kSshd}, {}));
  table.load_tags(b, posture::TagSets({9}, {kSshd}));
  ASSERT_TRUE(set_tag(kSshd, process_tag("Sshd", "sshd")));
  std::map<posture::TagId, std::pair<std::size_t, std::size_t>> counts;
  table.loaded([&](posture::TagId id, const posture::SlotSet& has, const posture::SlotSet& unknown) {
    counts[id] = {has.size(), unknown.size()};
  });
  EXPECT_EQ(counts, (std::map<posture::TagId, std::pair<std::size_t, std::size_t>>{{kSshd, {1, 1}}, {9, {1, 0}}}));
  EXPECT_TRUE(table.waiting(a).empty());
  EXPECT_EQ(waiting(b), (std::vector<posture::TagId>{kSshd, 9}));
  EXPECT_EQ(table.tags(b), posture::TagSets({9}, {kSshd}));
  EXPECT_EQ(waiting(c), std::vector{kSshd});
  EXPECT_EQ(table.who_waits().slots(), (std::vector{b, c}));
  EXPECT_EQ(table.state(c, kSshd), TagState::kAbsent);
}

TEST_F(PostureTableTest, BytesAndCountFollowEveryChange) {
  const auto slot = table.add(now);
  change(slot, "a", std::string(100, 'x'));
  const auto first = table.bytes(slot);
  EXPECT_GE(first, 100u);
  change(slot, "a", std::string(10, 'x'));
  EXPECT_EQ(table.bytes(slot), first - 90);
  change(slot, "b", true);
  EXPECT_EQ(table.fact_count(slot), 2u);
  table.rollback(now);
  EXPECT_EQ(table.bytes(slot), 0u);
  EXPECT_EQ(table.fact_count(slot), 0u);
}

TEST_F(PostureTableTest, WhatIfSeesThoseThatReferAndLeavesEverythingAsItWas) {
  ASSERT_TRUE(set_tag(kSshd, process_tag("Sshd", "sshd")));
  ASSERT_TRUE(set_tag(kAv, process_tag("Av", "av")));
  ASSERT_TRUE(set_tag(kBoth, both()));
  std::vector<posture::Slot> slots;
  for (int i = 0; i < 100; ++i) {
    slots.push_back(linux_endpoint());
    runs(slots.back(), "sshd", i % 2 == 0);
    runs(slots.back(), "av", i % 3 == 0);
    if (i % 10 != 9) follow_all(slots.back());  // some have yet to follow
  }
  std::vector<posture::TagSets> before;
  for (const auto slot : slots) before.push_back(table.tags(slot));
  const auto waits = count_waiting(slots);
  // Removed: who had it has it no more, and of Both nobody knows.
  auto effects = what_if({{kSshd, nullptr}});
  ASSERT_TRUE(effects) << effects.error().message;
  ASSERT_EQ(effects->size(), 2u);
  EXPECT_EQ((*effects)[0].tag, kSshd);
  EXPECT_EQ((*effects)[0].lose.size(), 50u);  // those that have yet to follow are at odd places: they never had it
  EXPECT_EQ((*effects)[0].gain.size(), 0u);
  EXPECT_EQ((*effects)[1].tag, kBoth);
  EXPECT_GT((*effects)[1].become_unknown.size(), 0u);
  // As if it had been done.
  for (const auto& edits : std::vector<std::vector<PostureTable::TagEdit>>{
           {{kSshd, nullptr}},
           {{kSshd, process_tag("Sshd", "sshd", true)}},
           {{kAv, nullptr}, {kSshd, process_tag("Av", "sshd")}},
           {{7, process_tag("Other", "av")}},
           {{kBoth, process_tag("Both", "av")}, {kAv, nullptr}, {8, process_tag("More", "sshd", true)}}}) {
    const auto foreseen = what_if(edits);
    ASSERT_TRUE(foreseen) << foreseen.error().message;
    ASSERT_EQ(count_waiting(slots), waits);
    for (std::size_t i = 0; i < slots.size(); ++i) ASSERT_EQ(table.tags(slots[i]), before[i]);
    ASSERT_TRUE(table.change_tags(edits, now));
    std::vector<PostureTable::TagEdit> undo;
    for (const auto& edit : edits) undo.push_back({edit.id, tags[edit.id]});
    for (std::size_t i = 0; i < slots.size(); ++i) {
      for (const posture::TagId id : {kSshd, kAv, kBoth, posture::TagId{7}, posture::TagId{8}}) {
        const auto effect = std::ranges::find(*foreseen, id, &posture::TagEffect::tag);
        const auto after = effect == foreseen->end() ? before[i].state(id) : effect->state_after(slots[i], before[i].state(id));
        // Of a tag that nothing is done to, those that have yet to follow are not foreseen.
        const bool concerned = effect != foreseen->end() ||
                               std::ranges::any_of(edits, [&](const auto& edit) { return edit.id == id; });
        if (concerned) {
          ASSERT_EQ(table.judged(slots[i], id), after) << "slot " << slots[i] << " tag " << id;
        }
      }
    }
    ASSERT_TRUE(table.change_tags(undo, now));
    ASSERT_EQ(count_waiting(slots), waits);
  }
  EXPECT_FALSE(what_if({{kAv, process_tag("Sshd", "av")}}));
  EXPECT_EQ(count_waiting(slots), waits);
}

/// Facts and tags come and go, endpoints follow some of them, and some of it is taken back: then all is as it was, and
/// what endpoints are said to have is what a plain account says.
TEST_F(PostureTableTest, WhatIsTakenBackIsAsItWas) {
  std::mt19937 random(7);
  const auto below = [&](unsigned bound) { return static_cast<unsigned>(random() % bound); };
  std::vector<posture::Slot> slots;
  for (int i = 0; i < 70; ++i) slots.push_back(linux_endpoint());
  ASSERT_TRUE(set_tag(kSshd, process_tag("Sshd", "sshd")));
  ASSERT_TRUE(set_tag(kAv, process_tag("Av", "av")));
  ASSERT_TRUE(set_tag(kBoth, both()));
  const std::vector<posture::TagId> ids{kSshd, kAv, kBoth};
  for (const auto slot : slots) follow_all(slot);
  table.commit();
  std::size_t taken_back = 0, followed = 0;
  for (int round = 0; round < 300; ++round) {
    std::map<posture::Slot, std::pair<posture::TagSets, posture::FactMap>> committed, said;
    for (const auto slot : slots) said[slot] = committed[slot] = {table.tags(slot), table.facts(slot)};
    bool tags_changed = false;
    for (unsigned step = 0, steps = 1 + below(12); step < steps; ++step) {
      const auto slot = slots[below(static_cast<unsigned>(slots.size()))];
      switch (below(6)) {
        case 0: runs(slot, "sshd", below(2) == 0); break;
        case 1: runs(slot, "av", below(2) == 0); break;
        case 2: change(slot, keys::process_running("av"), posture::Unknown{}); break;
        case 3: {
          const PostureTable::Edit gone{keys::process_running("sshd"), std::nullopt};
          table.change(slot, {&gone, 1}, now);
          break;
        }
        case 4:
          for (const auto id : waiting(slot)) {
            if (below(3) == 0) continue;
            follow(slot, id);
            said[slot].first.set(id, table.judged(slot, id));
            ++followed;
          }
          break;
        case 5:
          // A changed tag can't be taken back here: its owner sets it again.
          if (step != 0) break;
          tags_changed = true;
          ASSERT_TRUE(set_tag(kSshd, process_tag("Sshd", "sshd", below(2) == 0)));
          break;
      }
      for (const auto one : slots) ASSERT_EQ(table.tags(one), said[one].first) << "round " << round;
      count_waiting(slots);
    }
    for (const auto slot : slots) {
      ASSERT_EQ(table.tags_before(slot), committed[slot].first);
      ASSERT_EQ(table.fact_before(slot, keys::process_running("sshd")).has_value(),
                committed[slot].second.contains(keys::process_running("sshd")));
      for (const auto id : ids) ASSERT_EQ(table.waits(slot, id), table.state(slot, id) != table.judged(slot, id));
    }
    if (below(2) == 0) {
      table.commit();
      continue;
    }
    ++taken_back;
    table.rollback(now);
    for (const auto slot : slots) {
      ASSERT_EQ(table.tags(slot), committed[slot].first) << "round " << round << (tags_changed ? ", tags changed" : "");
      ASSERT_EQ(table.facts(slot), committed[slot].second);
    }
  }
  EXPECT_GT(taken_back, 100u);
  EXPECT_GT(followed, 100u);
}

}  // namespace
}  // namespace postern::ems
