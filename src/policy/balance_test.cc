#include "policy/balance.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace postern::policy {
namespace {

std::vector<Candidate> servers(std::initializer_list<std::uint32_t> weights) {
  std::vector<Candidate> out;
  for (const auto weight : weights) {
    Candidate c;
    c.seed = hash_of("10.0.0." + std::to_string(out.size()) + ":443");
    c.weight = weight;
    out.push_back(c);
  }
  return out;
}

std::vector<int> shares(Balancing method, std::vector<Candidate>& all, int requests, std::string_view host = "") {
  std::vector<int> out(all.size());
  for (int i = 0; i < requests; ++i) {
    const auto chosen = choose(method, all, {0, host});
    if (chosen) ++out[*chosen];
  }
  return out;
}

TEST(Balance, NamesAreThoseOfTheConfiguration) {
  for (const auto* name : {"static", "round-robin", "weighted", "first-alive", "http-host"}) {
    const auto method = balancing_from(name);
    ASSERT_TRUE(method) << name;
    EXPECT_EQ(balancing_name(*method), name);
  }
  EXPECT_FALSE(balancing_from("least-session"));
}

TEST(Balance, SharesByWeightAreExactOverAnyPeriod) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    std::vector<Candidate> all;
    std::vector<int> expected;
    int sum = 0;
    for (unsigned n = 1 + random() % 8; n > 0; --n) {
      Candidate c;
      c.weight = 1 + random() % 255;
      c.usable = random() % 4 != 0;
      all.push_back(c);
      expected.push_back(c.usable ? static_cast<int>(c.weight) : 0);
      sum += expected.back();
    }
    EXPECT_EQ(shares(Balancing::kWeighted, all, sum), expected);
    EXPECT_EQ(shares(Balancing::kWeighted, all, sum), expected) << "the next period";
  }
}

TEST(Balance, NoServerTakesItsShareInARow) {
  auto all = servers({5, 1, 1});
  std::string order;
  for (int i = 0; i < 7; ++i) order += static_cast<char>('a' + *choose(Balancing::kWeighted, all, {}));
  EXPECT_EQ(order, "aabacaa");
}

TEST(Balance, InTurnWithoutWeightsTakesEachOnce) {
  auto all = servers({200, 1, 7});
  EXPECT_EQ(shares(Balancing::kRoundRobin, all, 9), (std::vector<int>{3, 3, 3}));
  all[1].usable = false;
  EXPECT_EQ(shares(Balancing::kRoundRobin, all, 8), (std::vector<int>{4, 0, 4}));
}

TEST(Balance, AServerThatGoesMovesItsOwnClientsAlone) {
  auto all = servers({1, 1, 1, 1, 1});
  std::vector<int> held(all.size());
  for (int client = 0; client < 5000; ++client) {
    const ChoiceOf of{hash_of(std::to_string(client)), ""};
    const auto before = *choose(Balancing::kStatic, all, of);
    ++held[before];
    EXPECT_EQ(*choose(Balancing::kStatic, all, of), before);
    for (std::size_t gone = 0; gone < all.size(); ++gone) {
      all[gone].usable = false;
      const auto meanwhile = *choose(Balancing::kStatic, all, of);
      EXPECT_EQ(meanwhile == before, gone != before);
      all[gone].usable = true;
    }
    EXPECT_EQ(*choose(Balancing::kStatic, all, of), before) << "they come back";
  }
  for (const int n : held) {
    EXPECT_GT(n, 850);
    EXPECT_LT(n, 1150);
  }
}

TEST(Balance, TheFirstOfTheListThatIsAlive) {
  auto all = servers({1, 9, 9});
  EXPECT_EQ(choose(Balancing::kFirstAlive, all, {}), 0u);
  all[0].usable = false;
  EXPECT_EQ(choose(Balancing::kFirstAlive, all, {}), 1u);
  all[1].usable = all[2].usable = false;
  EXPECT_FALSE(choose(Balancing::kFirstAlive, all, {}));
  EXPECT_FALSE(choose(Balancing::kFirstAlive, {}, {}));
}

TEST(Balance, TheHostOfTheRequestChooses) {
  auto all = servers({2, 1, 1});
  all[0].host = all[1].host = "a.example";
  all[2].host = "b.example";
  EXPECT_EQ(shares(Balancing::kHttpHost, all, 6, "a.example"), (std::vector<int>{4, 2, 0}));
  EXPECT_EQ(shares(Balancing::kHttpHost, all, 6, "b.example"), (std::vector<int>{0, 0, 6}));
  EXPECT_EQ(shares(Balancing::kHttpHost, all, 6, "c.example"), (std::vector<int>{0, 0, 0})) << "nobody is guessed";
}

TEST(Balance, StandbyServersWaitUntilNoOtherIsAlive) {
  for (const auto method : {Balancing::kStatic, Balancing::kRoundRobin, Balancing::kWeighted, Balancing::kFirstAlive,
                            Balancing::kHttpHost}) {
    auto all = servers({1, 1, 1, 1});
    all[0].standby = all[2].standby = true;
    const auto takers = [&] {
      std::string out;
      for (std::size_t i = 0; i < all.size(); ++i) {
        for (std::uint64_t client = 0; client < 64; ++client) {
          if (choose(method, all, {hash_of(std::to_string(client)), ""}) != i) continue;
          out += static_cast<char>('0' + i);
          break;
        }
      }
      return out;
    };
    EXPECT_EQ(takers().find_first_of("02"), std::string::npos) << balancing_name(method);
    all[1].usable = false;
    EXPECT_EQ(takers(), "3") << balancing_name(method);
    all[3].usable = false;
    EXPECT_EQ(takers().find_first_of("13"), std::string::npos) << balancing_name(method);
    EXPECT_FALSE(takers().empty());
    all[3].usable = true;
    EXPECT_EQ(takers(), "3") << balancing_name(method);
  }
}

}  // namespace
}  // namespace postern::policy
