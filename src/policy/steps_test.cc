// What lets a decision pass over policies changes no decision.
#include "policy/steps.h"

#include <gtest/gtest.h>

#include <random>

#include "policy/compile.h"
#include "policy/decide.h"
#include "policy/view.h"

namespace postern::policy {
namespace {

constexpr WallTime kAt{Millis(1'780'000'000'000)};

std::vector<std::uint16_t> some_tags(std::mt19937& random, std::size_t most, std::uint16_t below) {
  std::vector<std::uint16_t> out(1 + random() % most);
  for (auto& tag : out) tag = static_cast<std::uint16_t>(random() % below);
  std::ranges::sort(out);
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

/// Policies of every kind, most of which hang on tags alone; `below`: tags lie close together, or in all words.
PolicyTable any_table(std::mt19937& random, std::uint16_t below) {
  PolicyTable t;
  ApiGateway g;
  g.id = 1;
  g.pool = 5;
  for (std::uint32_t p = 1; p <= 3; ++p) t.proxies.push_back({p, "p", EmptyCertAction::kBlock, {g}});
  for (std::uint32_t id = 1; id <= 12; ++id) {
    Policy p;
    p.id = id;
    for (std::uint32_t proxy = 1; proxy <= 3; ++proxy) {
      if (random() % 2 == 0) p.proxies.push_back(proxy);
    }
    if (p.proxies.empty()) p.proxies = {1};
    p.action = random() % 2 == 0 ? Action::kAccept : Action::kDeny;
    p.match = random() % 3 == 0 ? Match::kAll : Match::kAny;
    p.negate = random() % 3 == 0;
    p.tags = some_tags(random, 9, below);
    if (random() % 8 == 0) p.secondary = some_tags(random, 3, below);
    if (random() % 8 == 0) p.users = some_tags(random, 2, below);
    if (random() % 20 == 0) p.tags.clear(), p.secondary.clear();
    if (random() % 8 == 0) p.sources = {{*IpAddress::parse("10.0.0.0"), *IpAddress::parse("10.0.0.255")}};
    t.policies.push_back(std::move(p));
  }
  return t;
}

TEST(Steps, ChangeNoDecision) {
  std::mt19937 random(20261127);
  std::size_t allowed = 0, refused = 0;
  for (int round = 0; round < 400; ++round) {
    const std::uint16_t below = round % 2 == 0 ? 512 : 12;
    const auto blob = compile(any_table(random, below));
    ASSERT_TRUE(blob) << blob.error().message;
    const auto view = PolicyView::open(*blob);
    ASSERT_TRUE(view);
    auto without = *view;
    without.forget_steps();
    for (int n = 0; n < 40; ++n) {
      EndpointState endpoint;
      endpoint.known = endpoint.online = endpoint.registered = true;
      endpoint.fresh = random() % 16 != 0;
      endpoint.not_after = kAt + std::chrono::hours(1);
      for (auto i = random() % 40; i-- > 0;) endpoint.tags.set(random() % below);
      if (random() % 2 == 0) {
        for (auto i = random() % 6; i-- > 0;) endpoint.unknown.set(random() % below);
      }
      RequestContext request;
      request.proxy = 1 + random() % 3;
      request.certificate = random() % 16 != 0 ? Certificate::kVerified : Certificate::kNone;
      request.certificate_not_after = kAt + std::chrono::hours(1);
      request.path = "/";
      request.source = *IpAddress::parse(random() % 2 == 0 ? "10.0.0.7" : "10.0.1.7");
      request.now = kAt;
      const auto with = decide(*view, endpoint, request), plain = decide(without, endpoint, request);
      ASSERT_EQ(with.allow, plain.allow) << round << ' ' << n;
      ASSERT_EQ(with.reason, plain.reason) << round << ' ' << n;
      ASSERT_EQ(with.policy, plain.policy) << round << ' ' << n;
      ASSERT_EQ(with.pool, plain.pool);
      ASSERT_EQ(with.api_gateway, plain.api_gateway);
      ASSERT_EQ(with.log, plain.log);
      ASSERT_EQ(with.depends_on_endpoint, plain.depends_on_endpoint);
      ASSERT_EQ(with.tags, plain.tags) << round << ' ' << n;
      (with.allow ? allowed : refused) += 1;
    }
  }
  EXPECT_GT(allowed, 2000u);
  EXPECT_GT(refused, 2000u);
}

blob::Policy by_tags(std::initializer_list<std::size_t> tags) {
  blob::Policy p;
  p.has_tags = 1;
  for (const auto tag : tags) p.primary.set(tag);
  p.tags = p.primary;
  p.action = static_cast<std::uint8_t>(Action::kAccept);
  return p;
}

TEST(Steps, PassOverOnlyWhatHangsOnTagsInFewWords) {
  std::vector<blob::Policy> policies = {by_tags({0, 70, 140, 210, 280, 350}), by_tags({0, 70, 140, 210, 280, 350, 420}),
                                        by_tags({5}), by_tags({5})};
  policies[3].has_users = 1;
  const std::vector<std::uint32_t> order = {0, 1, 2, 3};
  const std::vector<std::span<const std::uint32_t>> of = {order};
  const Steps steps(policies, of);
  ASSERT_EQ(steps.of(0).size(), 4u);
  EXPECT_TRUE(steps.of(1).empty());
  TagSet none, last;
  last.set(350);
  EXPECT_TRUE(steps.of(0)[0].passes_over(none, none));
  EXPECT_FALSE(steps.of(0)[0].passes_over(last, none));
  EXPECT_FALSE(steps.of(0)[1].passes_over(none, none)) << "seven words";
  EXPECT_TRUE(steps.of(0)[2].passes_over(none, none));
  EXPECT_FALSE(steps.of(0)[3].passes_over(none, none)) << "users";
}

TEST(Steps, TooManyAreNotKept) {
  const std::vector<blob::Policy> policies = {by_tags({1})};
  const std::vector<std::uint32_t> many(Steps::kMost - 1), two(2), one(1);
  const std::vector<std::span<const std::uint32_t>> of = {many, two, one};
  const Steps steps(policies, of);
  EXPECT_EQ(steps.of(0).size(), Steps::kMost - 1);
  EXPECT_TRUE(steps.of(1).empty());
  EXPECT_EQ(steps.of(2).size(), 1u);
}

}  // namespace
}  // namespace postern::policy
