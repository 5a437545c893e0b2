// Conditions on tags, as the chains say them, against what judge.h says: two ways to the same answer.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <sstream>

#include "base/text.h"
#include "gateway/firewall/judge.h"
#include "gateway/firewall/rules.h"

namespace postern::gateway::firewall {
namespace {

using config::Action;
using config::MatchLogic;

/// Follows the chains of one policy for an IPv4 source, given the sets that it is in: "accept", "drop", "return".
class Chains {
 public:
  explicit Chains(const std::string& text) {
    std::string chain;
    for (const auto line : split(text, '\n')) {
      const auto words = trim(line);
      if (words.starts_with("chain ")) {
        chain = std::string(words.substr(6, words.size() - 8));
      } else if (words != "}" && !words.empty()) {
        rules_[chain].emplace_back(words);
      }
    }
  }

  std::string verdict(const std::string& chain, const std::set<std::string>& in) const {
    for (const auto& rule : rules_.at(chain)) {
      std::istringstream words(rule);
      bool fits = true;
      for (std::string word; words >> word;) {
        if (word == "ip") {
          std::string side, set;
          words >> side >> set;
          const bool wanted = set != "!=";
          if (!wanted) words >> set;
          fits = fits && in.contains(set.substr(1)) == wanted;
        } else if (word == "ether") {  // from a card of which nothing is known
          std::string side, set;
          words >> side >> set;
          if (set == "!=") {
            words >> set;
          } else {
            fits = false;
          }
        } else if (word == "ip6" || word == "meta") {
          fits = false;
          break;
        } else if (fits) {
          if (word != "goto") return word;
          words >> word;
          return verdict(word, in);
        } else {
          break;
        }
      }
    }
    return "return";
  }

 private:
  std::map<std::string, std::vector<std::string>> rules_;
};

TEST(FirewallConditions, ChainsSayWhatTheJudgeSays) {
  std::mt19937 random(11);
  const auto pick = [&](unsigned n) { return random() % n; };
  const std::vector<std::string> all = {"EMS1_ZTNA_A", "EMS1_ZTNA_B", "EMS1_ZTNA_C", "EMS2_ZTNA_A"};
  const auto some = [&](unsigned least) {
    std::set<std::string> out;
    for (unsigned n = least + pick(3); out.size() < n;) out.insert(all[pick(4)]);
    return std::vector<std::string>(out.begin(), out.end());
  };
  const auto ip = *IpAddress::parse("10.0.1.2");
  Policy everything;
  everything.id = 2;
  everything.action = Action::kAccept;
  unsigned accepted = 0, dropped = 0, returned = 0;
  for (int round = 0; round < 5000; ++round) {
    Policy p;
    p.id = 1;
    p.action = pick(2) == 0 ? Action::kAccept : Action::kDeny;
    p.condition.tags = some(1);
    if (pick(2) == 0) p.condition.secondary = some(1);
    p.condition.logic = pick(2) == 0 ? MatchLogic::kAny : MatchLogic::kAll;
    p.condition.negate = pick(2) == 0;
    AddressEntry entry;
    entry.ip = ip;
    std::set<std::string> sets;
    for (const auto& tag : all) {
      const auto what = pick(3);  // has, has not, unknown
      if (what == 0) entry.tags.insert(tag);
      if (what != 2) entry.known.insert(tag);
      if (what == 0) sets.insert(TagSets(tag).v4);
      if (what != 2) sets.insert(TagSets(tag).known4);
    }
    const Chains chains(render_chains({p}).chains);
    const auto verdict = chains.verdict("policy_1_tags", sets);
    const Flow flow{ip, *IpAddress::parse("10.0.3.10"), 6, 443};
    const bool takes = accepts({p}, &entry, flow);
    const bool lets_on = accepts({p, everything}, &entry, flow);
    ASSERT_EQ(verdict, takes ? "accept" : lets_on ? "return" : "drop") << "round " << round << '\n' << render_chains({p}).chains;
    (verdict == "accept" ? accepted : verdict == "drop" ? dropped : returned) += 1;
  }
  EXPECT_GT(accepted, 500u);
  EXPECT_GT(dropped, 500u);
  EXPECT_GT(returned, 500u);
}

}  // namespace
}  // namespace postern::gateway::firewall
