// Policies and what nginx knows change one after the other: nobody gets more by that.
#include <fmt/format.h>
#include <sys/resource.h>

#include <csignal>
#include <fstream>

#include "gateway/firewall/rules.h"
#include "gateway/shell/nginx_control_lab.h"
#include "pki/authority.h"
#include "policy/compile.h"

namespace postern::gateway {
namespace {

class NginxPoliciesTest : public NginxControlLab {};

// Numbers by position let an nginx that kept its configuration decide by another access proxy's policies.
TEST_F(NginxPoliciesTest, AnAccessProxyKeepsItsNumberWhateverStandsBesideIt) {
  context_.config.access_proxies[0].gateways = {api_gateway(1, "10.0.2.20")};
  context_.config.proxy_policies = {policy_of(1, "web")};
  control_->publish_policies();
  control_->start();
  const auto web = proxy_at(at_web());
  const auto pool = pool_of(web);
  ASSERT_NE(web, 0u);
  ASSERT_NE(pool, 0u);
  ASSERT_TRUE(nginx_knows(pool));

  auto other = context_.config.access_proxies[0];
  other.name = "aaa";
  other.vip.ext_ip = *IpAddress::parse("127.0.0.2");
  other.empty_certificate = config::EmptyCertificate::kAccept;
  other.gateways = {api_gateway(1, "10.0.2.99")};
  context_.config.access_proxies.insert(context_.config.access_proxies.begin(), other);
  context_.config.proxy_policies.push_back(policy_of(2, "aaa"));
  process_->answer = fail(ErrorCode::kConflict, "nginx can't listen at 127.0.0.2");
  control_->publish_policies();
  control_->reload();
  EXPECT_EQ(pool_of(web), pool) << "nginx refused, and its listener still says this number";
  EXPECT_EQ(reader_.policies().text(reader_.policies().proxy(web)->name), "web");
  EXPECT_EQ(proxy_at(at_web()), web);
  const auto aaa = proxy_at("127.0.0.2:");
  EXPECT_NE(pool_of(aaa), pool);
  EXPECT_NE(aaa, web);

  // One that is gone leaves its number to nobody.
  context_.config.access_proxies.erase(context_.config.access_proxies.begin() + 1);
  context_.config.proxy_policies.erase(context_.config.proxy_policies.begin());
  control_->publish_policies();
  reader_.refresh(true);
  EXPECT_EQ(reader_.policies().proxy(web), nullptr);
  EXPECT_NE(reader_.policies().proxy(aaa), nullptr);
}

// The same servers by HTTP and over TLS are two things: an nginx of before must not lead there in the clear.
TEST_F(NginxPoliciesTest, HowServersAreSpokenToIsPartOfTheirNumber) {
  auto& gateway = context_.config.access_proxies[0].gateways.emplace_back(api_gateway(1, "10.0.2.20"));
  const auto number = [&] {
    const auto plan = plan_proxies(context_.config, context_.core->tags());
    return plan.pools.at(0).id;
  };
  std::set<std::uint32_t> numbers = {number()};
  gateway.min_tls = config::TlsVersion::k13;
  EXPECT_FALSE(numbers.insert(number()).second) << "of no effect without TLS";
  gateway.tls = true;
  EXPECT_TRUE(numbers.insert(number()).second);
  gateway.min_tls = config::TlsVersion::k12;
  EXPECT_TRUE(numbers.insert(number()).second);
  gateway.max_tls = config::TlsVersion::k12;
  EXPECT_TRUE(numbers.insert(number()).second);
  gateway.server_ca = "/etc/ca.pem";
  EXPECT_TRUE(numbers.insert(number()).second);
  gateway.servers[0].verify_certificate = false;
  EXPECT_TRUE(numbers.insert(number()).second);
  gateway.server_ca.clear();
  EXPECT_FALSE(numbers.insert(number()).second) << "of no effect unless verified";
}

TEST_F(NginxPoliciesTest, ServersThatNobodyCanVouchForAreNotUsed) {
  context_.config.access_proxies[0].gateways = {api_gateway(1, "10.0.2.20"), api_gateway(2, "10.0.2.21")};
  context_.config.proxy_policies = {policy_of(1, "web")};
  auto& gateway = context_.config.access_proxies[0].gateways[0];
  gateway.tls = true;
  gateway.server_ca = (dir_ / "gone.pem").native();
  control_->publish_policies();
  control_->start();
  const auto pool = pool_of(proxy_at(at_web()));
  ASSERT_NE(pool, 0u);
  EXPECT_FALSE(nginx_knows(pool));
  EXPECT_NE(process_->text.find("10.0.2.21:8080"), std::string::npos) << "everything else goes on";
  ASSERT_FALSE(control_->health());
  EXPECT_NE(control_->health().error().message.find("gone.pem"), std::string::npos) << control_->health().error().message;

  const auto ca = [&](const char* name) {
    const auto now = context_.now().wall;
    return pki::to_pem(pki::make_root(name, "Company", {now, now + std::chrono::hours(1)}, context_.random).certificate);
  };
  std::ofstream(dir_ / "gone.pem") << "no certificate";
  control_->reload();
  EXPECT_FALSE(nginx_knows(pool)) << "nginx would refuse it, and with it everything else";
  std::ofstream(dir_ / "gone.pem") << ca("first");
  control_->reload();
  EXPECT_TRUE(nginx_knows(pool));
  EXPECT_NE(process_->text.find("postern_through " + std::to_string(pool) + " @tls1;"), std::string::npos);
  EXPECT_TRUE(control_->health());
  // Another content under the same name is another CA.
  const int applied = process_->applied;
  control_->reload();
  EXPECT_EQ(process_->applied, applied);
  std::ofstream(dir_ / "gone.pem") << ca("second");
  control_->reload();
  EXPECT_EQ(process_->applied, applied + 1);
  // Without anybody's command: a file that goes, and comes back with other content.
  std::filesystem::rename(dir_ / "gone.pem", dir_ / "away.pem");
  looks_until([&] { return !nginx_knows(pool); });
  std::filesystem::rename(dir_ / "away.pem", dir_ / "gone.pem");
  looks_until([&] { return nginx_knows(pool); });
  EXPECT_TRUE(control_->health());

  // Servers by which requests went in the clear until now stay known until those over TLS are.
  gateway.tls = false;
  control_->publish_policies();
  const auto before = pool_of(proxy_at(at_web()));
  EXPECT_EQ(before, pool) << "the new servers wait for nginx";
  control_->reload();
  EXPECT_TRUE(nginx_knows(pool));
  EXPECT_NE(process_->text.find("location @tls1 {"), std::string::npos) << "for requests that come meanwhile";
  some_retries();
  EXPECT_NE(pool_of(proxy_at(at_web())), pool);
}

// A tag without a bit is unknown of everybody: what denies by it denies, what lets in by it doesn't.
TEST_F(NginxPoliciesTest, APolicyWhoseTagHasNoRoomLeftGrantsNothing) {
  std::set<std::string> all;
  for (std::size_t i = 0; i < kMaxTags; ++i) all.insert("EMS1_ZTNA_" + std::to_string(i));
  context_.core->set_policy_tags(all);
  for (const auto action : {config::Action::kDeny, config::Action::kAccept}) {
    for (const bool negate : {false, true}) {
      auto policy = policy_of(1, "web");
      policy.action = action;
      policy.condition = {{"EMS1_ZTNA_0", "EMS1_ZTNA_homeless"}, {}, config::MatchLogic::kAll, negate};
      context_.config.proxy_policies = {policy};
      const auto plan = plan_proxies(context_.config, context_.core->tags());
      if (action == config::Action::kAccept) {
        EXPECT_TRUE(plan.table.policies.empty());
        continue;
      }
      ASSERT_EQ(plan.table.policies.size(), 1u);
      EXPECT_EQ(plan.table.policies[0].action, policy::Action::kDeny);
      EXPECT_TRUE(plan.table.policies[0].tags.empty());
      EXPECT_FALSE(plan.table.policies[0].negate) << "of nobody is everybody";
      EXPECT_TRUE(policy::compile(plan.table));
    }
  }
  EXPECT_TRUE(check_plan(context_.config, context_.core->tags()));
  auto& condition = context_.config.proxy_policies[0].condition;
  condition.tags.assign(all.begin(), all.end());
  EXPECT_TRUE(check_plan(context_.config, context_.core->tags()));
  condition.tags.push_back("EMS1_ZTNA_one-more");
  EXPECT_THAT(check_plan(context_.config, context_.core->tags()).error().message, testing::HasSubstr("513 tags"));
  context_.config.proxy_policies[0].enabled = false;
  EXPECT_TRUE(check_plan(context_.config, context_.core->tags()));
  context_.config.proxy_policies.clear();
  for (int i = 1; i <= static_cast<int>(policy::kMaxPolicies) + 1; ++i) context_.config.proxy_policies.push_back(policy_of(i, "web"));
  EXPECT_THAT(check_plan(context_.config, context_.core->tags()).error().message, testing::HasSubstr("20000"));
}

// 300 policies with one group of 10,000 addresses took all of a machine's memory, in the kernel.
TEST_F(NginxPoliciesTest, AGroupIsOneListHoweverManyPoliciesHaveIt) {
  config::AddressConfig group, other;
  group.name = "group";
  other.name = "other";
  for (unsigned i = 0; i < firewall::kMaxListed - 2; ++i) {  // two are the kinds of ICMP
    const auto ip = *IpAddress::parse(fmt::format("10.{}.{}.{}", i >> 15, i >> 7 & 255, (i & 127) * 2).c_str());
    group.ranges.push_back({ip, ip});
  }
  other.ranges = {group.ranges[0], group.ranges[1]};
  context_.config.addresses = {group, other};
  for (int id = 1; id <= 10; ++id) {
    config::FirewallPolicyConfig policy;
    policy.id = id;
    policy.from = policy.to = {"any"};
    policy.sources = policy.destinations = {"group"};
    context_.config.firewall_policies.push_back(policy);
  }
  EXPECT_TRUE(check_plan(context_.config, context_.core->tags()));
  context_.config.firewall_policies[0].sources = {"other"};
  const auto refused = check_plan(context_.config, context_.core->tags());
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, testing::HasSubstr("65538 different ranges"));
}

TEST_F(NginxPoliciesTest, PoliciesThatCannotBePutIntoForceLeaveNothingInForce) {
  context_.config.access_proxies[0].gateways = {api_gateway(1, "10.0.2.20")};
  context_.config.proxy_policies = {policy_of(1, "web")};
  control_->publish_policies();
  control_->start();
  const auto web = proxy_at(at_web());
  ASSERT_NE(pool_of(web), 0u);
  context_.config.proxy_policies.push_back(policy_of(1, "web"));  // no commit lets a number be there twice
  control_->publish_policies();
  EXPECT_EQ(pool_of(web), 0u);
  ASSERT_FALSE(control_->health());
  EXPECT_THAT(control_->health().error().message, testing::HasSubstr("no access proxy lets anybody in"));
  context_.config.proxy_policies.pop_back();
  control_->publish_policies();
  EXPECT_NE(pool_of(web), 0u);
  EXPECT_TRUE(control_->health());

  // No room for the file: it is tried again by itself.
  ::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  const rlimit none{0, before.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &none);
  context_.config.proxy_policies[0].action = config::Action::kDeny;
  control_->publish_policies();
  ::setrlimit(RLIMIT_FSIZE, &before);
  ASSERT_FALSE(control_->health());
  EXPECT_THAT(control_->health().error().message, testing::HasSubstr("it is tried again"));
  looks_until([&] { return control_->health().has_value(); });
}

TEST_F(NginxPoliciesTest, NewServersAreUsedOnceNginxKnowsThem) {
  context_.config.access_proxies[0].gateways = {api_gateway(1, "10.0.2.20")};
  context_.config.proxy_policies = {policy_of(1, "web")};
  control_->publish_policies();
  control_->start();
  const auto web = proxy_at(at_web());
  const auto before = pool_of(web);
  process_->hold = true;
  context_.config.access_proxies[0].gateways = {api_gateway(1, "10.0.2.21")};
  control_->publish_policies();
  control_->reload();
  EXPECT_EQ(pool_of(web), before) << "no request fails meanwhile";
  EXPECT_TRUE(control_->waiting());
  EXPECT_TRUE(nginx_knows(before)) << "new workers may come before the new policies";
  process_->held(Status());
  EXPECT_EQ(pool_of(web), before) << "workers of before don't know them, and take requests for a moment";
  control_->publish_policies();  // something else has changed
  control_->reload();
  EXPECT_TRUE(control_->waiting());
  looks_until([&] { return pool_of(web) != before; });
  EXPECT_FALSE(control_->waiting());
  const auto after = pool_of(web);
  EXPECT_NE(after, before);
  EXPECT_TRUE(nginx_knows(after));
  const int applied = process_->applied;
  control_->publish_policies();
  control_->reload();
  EXPECT_EQ(process_->applied, applied) << "that old servers are known is no reason to reload";

  // What takes rights away does not wait.
  context_.config.access_proxies[0].gateways = {api_gateway(1, "10.0.2.22")};
  context_.config.proxy_policies[0].action = config::Action::kDeny;
  control_->publish_policies();
  control_->reload();
  EXPECT_NE(pool_of(web), after);
  EXPECT_FALSE(nginx_knows(before)) << "nobody is led there any more";
  process_->held(Status());

  // Nor does it wait for an nginx that refuses.
  const auto third = pool_of(web);
  context_.config.access_proxies[0].gateways = {api_gateway(1, "10.0.2.23")};
  control_->publish_policies();
  control_->reload();
  EXPECT_EQ(pool_of(web), third);
  process_->held(fail(ErrorCode::kUnavailable, "no space left"));
  EXPECT_NE(pool_of(web), third);

  // No server left: nobody waits for anything.
  process_->hold = false;
  control_->reload();
  context_.config.access_proxies[0].gateways[0].servers[0].active = false;
  process_->hold = true;
  control_->publish_policies();
  EXPECT_EQ(pool_of(web), 0u);
}

}  // namespace
}  // namespace postern::gateway
