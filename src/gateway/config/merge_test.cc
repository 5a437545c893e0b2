// Two people's changes put together: nothing of either is lost without being told.
#include "gateway/config/merge.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "base/random.h"
#include "gateway/config/store.h"
#include "gateway/config/text.h"

namespace postern::gateway::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::string_view kStart =
    "config firewall address\n"
    "edit a\nset subnet 10.0.1.0/24\nnext\nedit b\nset subnet 10.0.2.0/24\nnext\n"
    "edit c\nset subnet 10.0.3.0/24\nnext\nedit d\nset subnet 10.0.4.0/24\nnext\nend\n"
    "config firewall vip\nedit web\nset extport 8443\nnext\nend\n"
    "config firewall access-proxy\nedit web\nset vip web\nconfig api-gateway\nedit 1\nset url-map /a\nnext\nend\nnext\nend\n"
    "config firewall proxy-policy\n"
    "edit 1\nset access-proxy web\nset srcaddr a b\nnext\n"
    "edit 2\nset access-proxy web\nset srcaddr all\nnext\n"
    "edit 3\nset access-proxy web\nset srcaddr c\nnext\nend\n";

class MergeTest : public testing::Test {
 protected:
  void SetUp() override {
    auto t = store->begin();
    ASSERT_TRUE(apply_text(t, kStart));
    ASSERT_TRUE(store->commit(t));
  }
  /// `theirs` is committed while `mine` is staged.
  Rebase both(std::string_view theirs, std::string_view mine) {
    transaction.emplace(store->begin());
    const auto applied = apply_text(*transaction, mine);
    EXPECT_TRUE(applied) << applied.error().message;
    auto other = store->begin();
    const auto others = apply_text(other, theirs);
    EXPECT_TRUE(others) << others.error().message;
    const auto committed = store->commit(other, {"bob", "cli", {}});
    EXPECT_TRUE(committed) << committed.error().message;
    const auto early = store->commit(*transaction);
    conflicts = !early && early.error().code == ErrorCode::kConflict;
    return store->rebase(*transaction);
  }
  std::string shown(const char* table) const {
    return print_table(transaction->tree(), {{table, ""}}, ShowMode::kChanged);
  }
  std::vector<std::string> keys(const char* table) const {
    std::vector<std::string> out;
    for (const auto& o : transaction->tree().entries(table)) out.push_back(o.key());
    return out;
  }
  static std::vector<std::string> told(const Rebase& r) {
    std::vector<std::string> out;
    for (const auto& c : r.clashes) out.push_back(describe(c, r.they));
    return out;
  }

  ManualClock clock;
  std::unique_ptr<ConfigStore> store = ConfigStore::in_memory(gateway_schema(), &clock);
  std::optional<Transaction> transaction;
  bool conflicts = false;
};

TEST_F(MergeTest, DifferentEntriesAndAttributesAreBothTaken) {
  const auto r = both("config firewall vip\nedit web\nset extip 10.0.9.1\nnext\nedit his\nset extport 1\nnext\nend\n",
                      "config firewall vip\nedit web\nset extport 9443\nnext\nedit mine\nset extport 2\nnext\nend\n");
  EXPECT_TRUE(conflicts);
  EXPECT_TRUE(r.told);
  EXPECT_EQ(r.they, "bob");
  EXPECT_EQ(r.changes, "bob (cli) at 2026-05-28T20:26:40.000Z, revision 2\n");
  EXPECT_THAT(r.tables, ElementsAre("firewall vip"));
  EXPECT_THAT(r.difference, HasSubstr("+        set extip 10.0.9.1\n"));
  EXPECT_THAT(r.clashes, IsEmpty());
  EXPECT_THAT(keys("firewall vip"), ElementsAre("his", "mine", "web"));
  EXPECT_THAT(shown("firewall vip"), HasSubstr("set extip 10.0.9.1\n        set extport 9443\n"));
  EXPECT_TRUE(store->commit(*transaction));
}

TEST_F(MergeTest, OtherTablesDisturbNobody) {
  const auto r = both("config system global\nset hostname his\nend\n", "config firewall vip\nedit web\nset extport 9443\nnext\nend\n");
  EXPECT_FALSE(conflicts);
  EXPECT_FALSE(r.told);
}

TEST_F(MergeTest, OneAttributeIsToldWithWhoseValueIsWhose) {
  const auto r = both("config firewall vip\nedit web\nset extport 1\nnext\nend\n",
                      "config firewall vip\nedit web\nset extport 2\nnext\nend\n");
  EXPECT_THAT(told(r), ElementsAre("firewall vip web: extport: bob has set 1, you 2: end takes yours"));
  EXPECT_THAT(shown("firewall vip"), HasSubstr("extport 2"));
}

TEST_F(MergeTest, TheSameChangeTwiceIsNone) {
  const auto r = both("config firewall vip\nedit web\nset extport 1\nnext\nend\n",
                      "config firewall vip\nedit web\nset extport 1\nnext\nend\n");
  EXPECT_FALSE(r.told);
  EXPECT_TRUE(store->commit(*transaction));
}

TEST_F(MergeTest, DeletionAgainstChangeIsTold) {
  auto r = both("config firewall address\ndelete d\nend\n", "config firewall address\nedit d\nset subnet 10.0.9.0/24\nnext\nend\n");
  EXPECT_THAT(told(r), ElementsAre("firewall address d: bob has deleted it, you change it: end makes it again, as you have it"));
  EXPECT_THAT(shown("firewall address"), HasSubstr("10.0.9.0"));
  r = both("config firewall address\nedit b\nset subnet 10.0.8.0/24\nnext\nend\n",
           "config firewall proxy-policy\nedit 1\nset srcaddr a\nnext\nend\nconfig firewall address\ndelete b\nend\n");
  EXPECT_THAT(told(r), ElementsAre("firewall address b: bob has changed it, you delete it: end deletes it"));
  EXPECT_THAT(keys("firewall address"), testing::Not(testing::Contains("b")));
}

TEST_F(MergeTest, TwoNewEntriesOfOneNameAreNotMixed) {
  const auto r = both("config firewall vip\nedit new\nset extip 10.0.9.1\nnext\nend\n",
                      "config firewall vip\nedit new\nset extport 2\nnext\nend\n");
  EXPECT_THAT(told(r), ElementsAre(HasSubstr("firewall vip new: bob has made one of this name, and you another")));
  EXPECT_THAT(shown("firewall vip"), testing::Not(HasSubstr("10.0.9.1")));
}

TEST_F(MergeTest, MembersAreJoinedOnlyWhereNothingElseCanBeMeant) {
  const auto policy = [](const char* list) {
    return fmt::format("config firewall proxy-policy\nedit 1\nset srcaddr {}\nnext\nend\n", list);
  };
  auto r = both(policy("a b c"), policy("b d"));
  EXPECT_THAT(r.clashes, IsEmpty());
  EXPECT_THAT(shown("firewall proxy-policy"), HasSubstr("set srcaddr \"b\" \"c\" \"d\"\n"));
  // Each leaves what the other takes away: nothing would be left of it, or a list that neither meant.
  r = both(policy("a"), policy("b"));
  EXPECT_EQ(r.clashes.size(), 1u);
  r = both(policy("c"), policy("a d"));
  EXPECT_THAT(told(r), ElementsAre("firewall proxy-policy 1: srcaddr: bob has set \"c\", you \"a\" \"d\": end takes yours"));
}

TEST_F(MergeTest, TheOrderOfPoliciesIsMergedToo) {
  auto r = both("config firewall proxy-policy\nmove 3 before 1\nend\n",
                "config firewall proxy-policy\nedit 4\nset access-proxy web\nset srcaddr all\nnext\nmove 4 before 2\nend\n");
  EXPECT_THAT(r.clashes, IsEmpty());
  EXPECT_THAT(keys("firewall proxy-policy"), ElementsAre("3", "1", "4", "2"));
  r = both("config firewall proxy-policy\nedit 5\nset access-proxy web\nset srcaddr all\nnext\nmove 5 before 2\nend\n",
           "config firewall proxy-policy\nmove 2 before 3\nend\n");
  EXPECT_THAT(r.clashes, IsEmpty());
  EXPECT_THAT(keys("firewall proxy-policy"), ElementsAre("2", "3", "1", "5"));
  r = both("config firewall proxy-policy\nmove 1 before 3\nend\n", "config firewall proxy-policy\nmove 2 before 3\nend\n");
  EXPECT_THAT(told(r), ElementsAre("firewall proxy-policy: bob has moved entries, and so do you: end takes your order"));
}

// A refusal that is in force already must not be overtaken by what comes later.
TEST_F(MergeTest, WhatIsNewNowComesBehindWhatSomebodyElsePutThereBefore) {
  auto r = both("config firewall proxy-policy\nedit 4\nset access-proxy web\nset action deny\nnext\nend\n",
                "config firewall proxy-policy\nedit 5\nset access-proxy web\nset action accept\nnext\nend\n");
  EXPECT_THAT(keys("firewall proxy-policy"), ElementsAre("1", "2", "3", "4", "5"));
  r = both("config firewall proxy-policy\nedit 6\nset access-proxy web\nnext\nmove 6 before 1\nend\n",
           "config firewall proxy-policy\nedit 7\nset access-proxy web\nnext\nmove 7 before 1\nend\n");
  EXPECT_THAT(keys("firewall proxy-policy"), ElementsAre("6", "7", "1", "2", "3", "4"));
  r = both("config firewall proxy-policy\nedit 8\nset access-proxy web\nnext\nmove 8 after 2\nend\n",
           "config firewall proxy-policy\nedit 9\nset access-proxy web\nnext\nmove 9 after 2\nmove 3 before 1\nend\n");
  EXPECT_THAT(keys("firewall proxy-policy"), ElementsAre("6", "3", "1", "2", "8", "9", "4"));
}

TEST_F(MergeTest, ASingleObjectIsMergedByAttribute) {
  const auto r = both("config system global\nset hostname his\nend\n", "config system global\nset admin-sport 9443\nend\n");
  EXPECT_THAT(r.clashes, IsEmpty());
  EXPECT_TRUE(r.told);
  EXPECT_EQ(shown("system global"), "config system global\n    set hostname \"his\"\n    set admin-sport 9443\nend\n");
}

// ---- random edits by two

using Flat = std::map<std::string, std::string>;  // "table key": "is there"; "table key/attribute": its value

void flatten(const Table& parent, const Object& object, const std::string& prefix, Flat& out) {
  for (const auto& table : parent.tables) {
    const auto it = object.tables.find(table.name);
    if (it == object.tables.end()) continue;
    for (const auto& entry : it->second) {
      const std::string at = prefix + table.name + ' ' + entry.key;
      if (!table.single()) out[at] = "is there";
      for (const auto& [attribute, value] : entry.values) {
        std::string text;
        for (const auto& word : value) text += word + '|';
        out[at + '/' + attribute] = text;
      }
      flatten(table, entry, at + '>', out);
    }
  }
}

Flat flat(const ConfigTree& tree) {
  Flat out;
  flatten(tree.schema().root(), tree.root(), {}, out);
  return out;
}

std::string value_at(const Flat& f, const std::string& key) {
  const auto it = f.find(key);
  return it == f.end() ? std::string() : it->second;
}

class Somebody {
 public:
  explicit Somebody(std::uint64_t seed) : random_(seed) {}
  void edit(Transaction& t) {
    for (auto n = 1 + roll(4); n > 0; --n) once(t);
  }

 private:
  std::uint64_t roll(std::uint64_t below) { return random_.below(below); }
  std::string letter() { return std::string(1, static_cast<char>('a' + roll(4))); }
  void once(Transaction& t) {
    const ObjectPath address = {{"firewall address", letter()}};
    const ObjectPath policy = {{"firewall proxy-policy", std::to_string(1 + roll(5))}};
    const ObjectPath gateway = {{"firewall access-proxy", "web"}, {"api-gateway", std::to_string(1 + roll(3))}};
    Status ignored;  // what can't be done here is not done
    switch (roll(9)) {
      case 0: ignored = t.remove(policy); break;
      case 1:
        ignored = t.edit(policy);
        if (ignored) ignored = t.set(policy, "access-proxy", {"web"});
        if (ignored) ignored = t.append(policy, "srcaddr", {letter()});
        break;
      case 2: ignored = t.set(policy, "srcaddr", {letter(), letter() + ""}); break;
      case 3: ignored = t.move(policy, roll(2) == 0, std::to_string(1 + roll(5))); break;
      case 4: ignored = t.set(policy, "name", {"p" + letter()}); break;
      case 5: ignored = t.set(address, "subnet", {fmt::format("10.{}.0.0/16", roll(3))}); break;
      case 6:
        ignored = t.edit(gateway);
        if (ignored) ignored = t.set(gateway, "url-map", {"/" + letter()});
        break;
      case 7: ignored = t.remove(gateway); break;
      default:
        ignored = t.edit({{"system global", ""}});
        if (ignored) ignored = t.set({{"system global", ""}}, roll(2) ? "hostname" : "management-ip", {letter()});
    }
  }
  SeededRandom random_;
};

TEST_F(MergeTest, OfRandomEditsByTwoNothingIsLostSilently) {
  int merged = 0, clashed = 0;
  for (std::uint64_t seed = 1; seed <= 3000; ++seed) {
    const auto base = store->current();
    Transaction theirs(base), mine(base);
    Somebody(seed * 2).edit(theirs);
    Somebody(seed * 2 + 1).edit(mine);
    const auto result = merge(gateway_schema(), base->root(), theirs.tree().root(), mine.tree().root());
    Flat together;
    flatten(gateway_schema().root(), result.root, {}, together);
    const Flat b = flat(*base), t = flat(theirs.tree()), m = flat(mine.tree());
    std::set<std::string> all;
    for (const Flat* f : {&b, &t, &m, static_cast<const Flat*>(&together)}) {
      for (const auto& [key, value] : *f) all.insert(key);
    }
    // An entry is told of as a whole, or by one attribute.
    std::vector<std::string> told_of;
    for (const auto& c : result.clashes) {
      std::string where;
      for (const auto& step : c.path) where += (where.empty() ? "" : ">") + step.table + ' ' + step.key;
      told_of.push_back(c.attribute.empty() ? where : where + '/' + c.attribute);
    }
    const auto is_told = [&](const std::string& key) {
      return std::any_of(told_of.begin(), told_of.end(), [&](const std::string& w) { return key.starts_with(w); });
    };
    for (const auto& key : all) {
      const auto was = value_at(b, key), his = value_at(t, key), my = value_at(m, key), now = value_at(together, key);
      if (his == my) {
        EXPECT_TRUE(now == my || is_told(key)) << seed << ' ' << key;
      } else if (my == was) {
        EXPECT_TRUE(now == his || is_told(key)) << seed << ' ' << key << ": his " << his << " became " << now;
      } else if (his == was) {
        EXPECT_EQ(now, my) << seed << ' ' << key;
      } else if (!is_told(key)) {
        // Joined: everything that one added is in, everything that one took away is out.
        ASSERT_NE(key.find("srcaddr"), key.npos) << seed << ' ' << key;
        for (const char* word : {"a|", "b|", "c|", "d|"}) {
          const auto in = [&](const std::string& list) { return list.find(word) != list.npos; };
          EXPECT_EQ(in(now), in(was) ? in(his) && in(my) : in(his) || in(my)) << seed << ' ' << key << ' ' << word;
        }
        ++merged;
      }
    }
    clashed += !result.clashes.empty();
    // What both left where it was stands as it stood, and each one's moves hold.
    ASSERT_FALSE(HasFailure()) << "seed " << seed;
  }
  EXPECT_GT(merged, 10);
  EXPECT_GT(clashed, 100);
}

TEST_F(MergeTest, MergedWithOneThatChangesNothingIsTheOther) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    const auto base = store->current();
    Transaction t(base);
    Somebody(seed).edit(t);
    const auto right = merge(gateway_schema(), base->root(), base->root(), t.tree().root());
    const auto left = merge(gateway_schema(), base->root(), t.tree().root(), base->root());
    EXPECT_EQ(right.root, t.tree().root()) << seed;
    EXPECT_TRUE(left.root == t.tree().root()) << seed;
    EXPECT_TRUE(right.clashes.empty() && left.clashes.empty());
  }
}

}  // namespace
}  // namespace postern::gateway::config
