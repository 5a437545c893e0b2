// Large changes in pieces: after each, nobody is let through whom neither the old nor the new state lets through.
#include "gateway/firewall/pieces.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "base/text.h"
#include "gateway/firewall/judge.h"
#include "gateway/firewall/model.h"

namespace postern::gateway::firewall {
namespace {

using config::Action;
using config::MatchLogic;
using Sets = std::map<std::string, std::set<std::string>>;

/// What the kernel would hold: sets, and whose rules.
struct Held {
  Sets sets;
  std::vector<Policy> policies;
  std::size_t largest = 0;  // elements of one transaction

  void run(const std::string& commands, const std::vector<Policy>& policies_after) {
    std::size_t elements = 0;
    std::string set;
    for (const auto raw : split(commands, '\n')) {
      const std::string line(trim(raw));
      const auto words = split(line, ' ');
      if (line == "delete table inet t") {
        std::erase_if(sets, [](const auto& s) { return !s.first.starts_with("guarded"); });
      }
      if (line == "delete table inet t_guard") {
        sets.erase("guarded");
        sets.erase("guarded6");
        continue;
      }
      if (line.starts_with("flush chain") || line.starts_with("delete table")) policies = policies_after;
      if (line.starts_with("add set")) sets[std::string(words[4])];
      if (line.starts_with("delete set")) sets.erase(std::string(words[4]));
      if (line.starts_with("set ")) sets[set = std::string(words[1])];
      if (line.starts_with("set guarded") && line.find("elements = ") != line.npos) {
        change(set, line.substr(0, line.find("};") + 1).substr(line.find("elements = ")), true, elements);
      }
      if (line.starts_with("elements = ")) change(set, line, true, elements);
      if (line.starts_with("add element")) change(std::string(words[4]), line, true, elements);
      if (line.starts_with("delete element")) change(std::string(words[4]), line, false, elements);
    }
    largest = std::max(largest, elements);
  }
  void change(const std::string& set, const std::string& line, bool add, std::size_t& elements) {
    ASSERT_TRUE(sets.contains(set)) << line;
    const auto begin = line.find('{') + 1;
    const std::string listed = line.substr(begin, line.rfind('}') - begin);
    for (const auto part : split(listed, ',')) {
      const std::string element(trim(part));
      ASSERT_EQ(sets[set].contains(element), !add) << element << " in " << line.substr(0, 200);
      if (add) {
        sets[set].insert(element);
      } else {
        sets[set].erase(element);
      }
      ++elements;
    }
  }
  bool in(const std::string& set, const std::string& element) const {
    const auto it = sets.find(set);
    return it != sets.end() && it->second.contains(element);
  }
  /// Whether nobody but its owner gets a packet in with this source.
  bool holds(const IpAddress& ip) const {
    if (in(ip.is_v4() ? "held" : "held6", ip.str())) return true;
    const auto ranges = sets.find(ip.is_v4() ? "guarded" : "guarded6");
    return ranges != sets.end() &&
           std::any_of(ranges->second.begin(), ranges->second.end(), [&](const std::string& range) {
             return IpRange::parse(range)->contains(ip);
           });
  }
  /// As the chains would judge what comes from (`reply`: goes to) this source.
  bool lets_through(const IpAddress& ip, bool reply) const {
    const bool v4 = ip.is_v4();
    const std::string text = ip.str();
    AddressEntry entry;
    entry.ip = ip;
    for (const char* tag : {"A", "B", "C"}) {
      const TagSets names(tag);
      if (in(v4 ? names.v4 : names.v6, text)) entry.tags.insert(tag);
      if (in(v4 ? names.known4 : names.known6, text)) entry.known.insert(tag);
    }
    bool confirmed = reply || in(v4 ? "routed" : "routed6", text);
    if (const auto bound = sets.find(v4 ? "bound" : "bound6"); bound != sets.end()) {
      for (const auto& e : bound->second) confirmed = confirmed || e.starts_with(text + " . ");
    }
    const Flow flow{ip, *IpAddress::parse(v4 ? "10.0.3.1" : "2001:db8::1"), 6, 80};
    return accepts(policies, confirmed ? &entry : nullptr, flow);
  }
};

class PiecesTest : public testing::Test {
 protected:
  unsigned pick(unsigned n) { return static_cast<unsigned>(random_() % n); }
  std::vector<Policy> policies() {
    std::vector<Policy> out;
    for (unsigned id = 1, n = 1 + pick(3); id <= n; ++id) {
      Policy p;
      p.id = id;
      p.action = pick(3) == 0 ? Action::kDeny : Action::kAccept;
      for (const char* tag : {"A", "B", "C"}) {
        if (pick(2) == 0) p.condition.tags.push_back(tag);
      }
      if (p.condition.tags.empty()) p.condition.tags.push_back("A");
      if (pick(3) == 0) p.condition.secondary.push_back("C");
      p.condition.logic = pick(2) == 0 ? MatchLogic::kAny : MatchLogic::kAll;
      p.condition.negate = pick(3) == 0;
      out.push_back(std::move(p));
    }
    return out;
  }
  void change_addresses(FirewallModel& model, unsigned chance) {
    for (const auto& ip : addresses_) {
      if (pick(4) >= chance) continue;
      if (pick(5) == 0) {
        model.remove(ip);
        continue;
      }
      AddressEntry e;
      e.ip = ip;
      if (pick(3) > 0) {
        e.mac = *MacAddress::parse(pick(2) == 0 ? "02:00:00:00:00:01" : "02:00:00:00:00:02");
        e.interface = pick(2) == 0 ? "port1" : "port2";
      }
      for (const char* tag : {"A", "B", "C"}) {
        const auto state = pick(3);
        if (state == 0) e.tags.insert(tag);
        if (state < 2) e.known.insert(tag);
      }
      model.upsert(std::move(e));
    }
  }
  std::vector<IpAddress> addresses_ = {*IpAddress::parse("10.0.1.1"), *IpAddress::parse("10.0.1.2"),
                                       *IpAddress::parse("10.0.1.3"), *IpAddress::parse("2001:db8::5")};
  std::mt19937 random_{5};
};

/// Elements, and the end of the guard beside the table.
bool only_fills(std::string_view commands) {
  for (const auto line : split(commands, '\n')) {
    if (!line.empty() && !line.starts_with("add element ") && !line.starts_with("delete element ") &&
        !line.ends_with(guard_of("t"))) {
      return false;
    }
  }
  return true;
}

TEST_F(PiecesTest, GrantNothingThatNeitherTheOldNorTheNewStateGrants) {
  std::size_t in_pieces = 0, switched = 0, opened = 0;
  for (int round = 0; round < 3000; ++round) {
    FirewallModel model("t", 1'000'000);
    model.set_policies(policies());
    model.set_tags({"A", "B"});
    change_addresses(model, 4);
    Held held;
    held.run(model.take_change().commands, model.policies());
    const Held old = held;

    model.set_piece(1 + pick(4));
    if (pick(3) == 0) model.set_policies(policies());
    if (pick(4) == 0) model.set_tags({"B", "C"});
    if (pick(4) == 0) model.set_unchecked({"port1", "port3"});
    change_addresses(model, 3);
    const bool anew = pick(4) == 0;
    const auto change = anew ? model.take_rebuild() : model.take_change();
    FirewallModel whole = model;
    whole.set_piece(1'000'000);
    Held now;
    now.run(whole.take_rebuild().commands, model.policies());

    std::vector<std::string> pieces = {change.ahead, change.commands};
    pieces.insert(pieces.end(), change.more.begin(), change.more.end());
    in_pieces += !change.more.empty();
    switched += !change.more.empty() && old.policies != model.policies();
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      if (i >= 2 + change.structure_behind) {
        ASSERT_TRUE(only_fills(pieces[i])) << "piece " << i << '\n' << join(pieces, "---\n");
      }
      held.run(pieces[i], model.policies());
      if (HasFatalFailure()) return;
      for (const auto& ip : addresses_) {
        for (const bool reply : {false, true}) {
          if (!held.lets_through(ip, reply)) continue;
          ++opened;
          ASSERT_TRUE(old.lets_through(ip, reply) || now.lets_through(ip, reply))
              << "round " << round << ", piece " << i << " of " << pieces.size() << ", " << ip.str() << '\n'
              << join(pieces, "---\n");
        }
      }
      // Nobody may speak in the name of an address that is held before and after.
      for (const auto& ip : addresses_) {
        ASSERT_TRUE(!old.holds(ip) || !now.holds(ip) || held.holds(ip)) << ip.str() << '\n' << join(pieces, "---\n");
      }
    }
    ASSERT_TRUE(held.sets == now.sets) << join(pieces, "---\n");
    ASSERT_EQ(held.policies, now.policies);
  }
  EXPECT_GT(in_pieces, 500u);
  EXPECT_GT(switched, 100u);
  EXPECT_GT(opened, 5000u);
}

TEST_F(PiecesTest, AreOfBoundedSize) {
  FirewallModel model("t");
  model.set_tags({"A", "B"});
  Held held;
  held.run(model.take_change().commands, {});
  const auto fill = [&](const std::string& tag) {
    for (unsigned i = 0; i < 20'000; ++i) {
      AddressEntry e;
      e.ip = IpAddress::v4({10, 1, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)});
      e.tags = {tag};
      model.upsert(std::move(e));
    }
  };
  for (const char* tag : {"A", "B"}) {
    fill(tag);
    const auto change = model.take_change();
    EXPECT_EQ(change.commands, "");
    EXPECT_GE(change.more.size(), 9u);
    for (const auto& piece : change.more) held.run(piece, {});
  }
  EXPECT_LT(held.largest, FirewallModel::kPiece + 10);
  EXPECT_EQ(held.sets["B"].size(), 20'000u);
  EXPECT_EQ(held.sets["A"].size(), 0u);

  const auto anew = model.take_rebuild();
  EXPECT_GE(anew.more.size(), 9u);
  Held again;
  again.run(anew.commands, {});
  for (const auto& piece : anew.more) again.run(piece, {});
  EXPECT_LT(again.largest, FirewallModel::kPiece + 10);
  EXPECT_TRUE(again.sets == held.sets);

  AddressEntry one;
  one.ip = *IpAddress::parse("10.1.0.1");
  model.upsert(one);
  EXPECT_TRUE(model.take_change().more.empty());
}

}  // namespace
}  // namespace postern::gateway::firewall
