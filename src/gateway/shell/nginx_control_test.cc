// What becomes of an nginx that can't have what the configuration wants.
#include "gateway/shell/nginx_control.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <sys/resource.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <optional>

#include "ecshm/reader.h"
#include "gateway/firewall/rules.h"
#include "gateway/ztna/loopback_lab.h"
#include "policy/compile.h"

namespace postern::gateway {
namespace {

/// Answers as it is told to.
class FakeProcess final : public NginxProcess {
 public:
  Result<std::string> install(const std::string& name, std::string_view) override {
    ++installed;
    return "/x/" + name;
  }
  void apply(std::string wanted, std::function<void(Status)> done) override {
    ++applied;
    text = std::move(wanted);
    health_now = answer;
    if (hold) {
      held = std::move(done);
    } else {
      done(answer);
    }
  }
  void stop() override {}
  std::optional<pid_t> pid() const override { return running ? std::optional<pid_t>(71) : std::nullopt; }
  std::filesystem::path state_dir() const override { return "/x/state"; }
  Status health() const override {
    ++looks;
    return health_now;
  }

  int applied = 0, installed = 0;
  mutable int looks = 0;
  std::string text;
  Status answer, health_now;
  bool running = false;
  bool hold = false;  // answers only by `held`
  std::function<void(Status)> held;
};

std::uint16_t free_port() { return LoopbackListener().port(); }

config::ApiGatewayConfig api_gateway(int id, const char* server) {
  config::ApiGatewayConfig out;
  out.id = id;
  out.url_map = "/";
  out.servers = {{1, *IpAddress::parse(server), 8080, 1, true}};
  return out;
}

config::ProxyPolicyConfig policy_of(int id, const char* proxy) {
  config::ProxyPolicyConfig out;
  out.id = id;
  out.access_proxies = {proxy};
  out.action = config::Action::kAccept;
  return out;
}

class NginxControlTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/postern-control-XXXXXX";
    dir_ = ::mkdtemp(name);
    auto shm = ecshm::Writer::create(dir_ / "run", {64, 64, static_cast<gid_t>(-1)});
    ASSERT_TRUE(shm) << shm.error().message;
    shm_ = std::move(*shm);
    ASSERT_TRUE(shm_->publish());
    reader_ = ecshm::Reader((dir_ / "run").native());
    context_.core = std::make_unique<GatewayCore>(proto::FabricIdentity{}, context_.random);
    config::AccessProxyConfig proxy;
    proxy.name = "web";
    proxy.vip = {"front", *IpAddress::parse("127.0.0.1"), free_port(), "", false};
    port_ = proxy.vip.ext_port;
    context_.config.access_proxies = {proxy};
    control_ = std::make_unique<NginxControl>(context_, *shm_, std::chrono::milliseconds(1));
    auto process = std::make_unique<FakeProcess>();
    process_ = process.get();
    control_->use(std::move(process));
    control_->publish_policies();
  }
  void TearDown() override {
    control_.reset();
    std::filesystem::remove_all(dir_);
  }

  /// Lets the time of some retries pass: those of a timer that was there before.
  void some_retries() {
    int left = 5;
    const auto tick = context_.loop.every(std::chrono::milliseconds(1), [&] {
      if (--left == 0) context_.loop.stop();
    });
    context_.loop.run();
  }

  /// Runs until it holds; how often the process was looked at until then.
  int looks_until(const std::function<bool()>& holds) {
    const int before = process_->looks;
    const auto tick = context_.loop.every(std::chrono::microseconds(200), [&] {
      if (holds()) context_.loop.stop();
    });
    const auto guard = context_.loop.after(std::chrono::seconds(20), [&] { context_.loop.stop(); });
    context_.loop.run();
    EXPECT_TRUE(holds());
    return process_->looks - before;
  }

  /// The number under which nginx was told of a listener.
  std::uint32_t proxy_at(const std::string& listen) const {
    const auto at = process_->text.find("postern_proxy ", process_->text.find("listen " + listen));
    return at == std::string::npos ? 0 : static_cast<std::uint32_t>(std::stoul(process_->text.substr(at + 14)));
  }
  /// Where the workers lead requests of a proxy's first API gateway; 0: nowhere.
  std::uint32_t pool_of(std::uint32_t proxy) {
    reader_.refresh(true);
    const auto* found = reader_.policies().proxy(proxy);
    if (!found) return 0;
    const auto gateways = reader_.policies().api_gateways_of(*found);
    return gateways.empty() ? 0 : gateways.front().pool;
  }
  bool nginx_knows(std::uint32_t pool) const {
    return process_->text.find("upstream pool_" + std::to_string(pool) + " {") != std::string::npos;
  }
  std::string at_web() const { return "127.0.0.1:" + std::to_string(port_); }

  net::Loop loop_;
  Context context_{loop_, DaemonOptions{{}, "/x", "/x/module.so"}};
  std::filesystem::path dir_;
  std::unique_ptr<ecshm::Writer> shm_;
  ecshm::Reader reader_{""};
  std::unique_ptr<NginxControl> control_;
  FakeProcess* process_ = nullptr;
  std::uint16_t port_ = 0;
};

TEST_F(NginxControlTest, AFloodOfChangesThatNginxHasNoPartInWritesNothing) {
  control_->start();
  const int installed = process_->installed, applied = process_->applied;
  EXPECT_GT(installed, 0);
  for (int i = 0; i < 100; ++i) {
    control_->publish_policies();
    control_->reload();
  }
  EXPECT_EQ(process_->installed, installed);
  EXPECT_EQ(process_->applied, applied);
}

// Numbers by position let an nginx that kept its configuration decide by another access proxy's policies.
TEST_F(NginxControlTest, AnAccessProxyKeepsItsNumberWhateverStandsBesideIt) {
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

// A tag without a bit is unknown of everybody: what denies by it denies, what lets in by it doesn't.
TEST_F(NginxControlTest, APolicyWhoseTagHasNoRoomLeftGrantsNothing) {
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
TEST_F(NginxControlTest, AGroupIsOneListHoweverManyPoliciesHaveIt) {
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

TEST_F(NginxControlTest, PoliciesThatCannotBePutIntoForceLeaveNothingInForce) {
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

TEST_F(NginxControlTest, NewServersAreUsedOnceNginxKnowsThem) {
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
  EXPECT_TRUE(nginx_knows(before)) << "new workers may come before the new policies";
  process_->held(Status());
  EXPECT_EQ(pool_of(web), before) << "workers of before don't know them, and take requests for a moment";
  control_->publish_policies();  // something else has changed
  control_->reload();
  looks_until([&] { return pool_of(web) != before; });
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

TEST_F(NginxControlTest, ACertificateThatIsNoneTurnsOffItsOwnAccessProxyAlone) {
  auto second = context_.config.access_proxies[0];
  second.name = "second";
  second.vip.ext_ip = *IpAddress::parse("127.0.0.2");
  second.vip.certificate = "bad";
  context_.config.access_proxies.push_back(second);
  context_.config.certificates = {{"bad", "/etc/passwd", "/etc/passwd"}};
  control_->publish_policies();
  control_->start();
  EXPECT_EQ(process_->applied, 1);
  EXPECT_NE(process_->text.find("127.0.0.1:"), std::string::npos);
  EXPECT_EQ(process_->text.find("127.0.0.2:"), std::string::npos) << "nginx would refuse all of it";
  const auto said = control_->obstacles();
  ASSERT_FALSE(said.empty());
  EXPECT_THAT(said.back(), testing::HasSubstr("access proxy second is off, certificate local bad: "));
  EXPECT_FALSE(control_->health());
}

// nginx refuses a configuration whole for one address or port that it can't have.
TEST_F(NginxControlTest, APlaceThatCannotBeHadKeepsItsOwnAccessProxyAlone) {
  std::optional<LoopbackListener> other(std::in_place);
  auto second = context_.config.access_proxies[0];
  second.name = "second";
  second.vip.ext_port = other->port();
  auto third = second;
  third.name = "third";
  third.vip.ext_ip = *IpAddress::parse("192.0.2.1");
  context_.config.access_proxies.push_back(second);
  context_.config.access_proxies.push_back(third);
  control_->publish_policies();
  control_->start();
  ASSERT_EQ(process_->applied, 1);
  EXPECT_NE(proxy_at(at_web()), 0u);
  EXPECT_EQ(process_->text.find("192.0.2.1"), std::string::npos);
  EXPECT_EQ(process_->text.find("listen 127.0.0.1:" + std::to_string(other->port())), std::string::npos);
  EXPECT_FALSE(control_->health());
  EXPECT_THAT(control_->obstacles(), testing::ElementsAre(testing::HasSubstr("access proxy second: another program listens at"),
                                                          testing::HasSubstr("access proxy third: no interface of this machine has")));
  some_retries();
  EXPECT_EQ(process_->applied, 1) << "nothing has changed";

  other.reset();
  looks_until([&] { return process_->applied == 2; });
  EXPECT_NE(process_->text.find("listen 127.0.0.1:" + std::to_string(second.vip.ext_port)), std::string::npos);
  EXPECT_THAT(control_->obstacles(), testing::ElementsAre(testing::HasSubstr("access proxy third")));
  context_.config.access_proxies.pop_back();
  control_->publish_policies();
  control_->reload();
  EXPECT_TRUE(control_->health());
}

// After a restart of the gateway its own nginx goes on, and nobody must be turned away meanwhile.
TEST_F(NginxControlTest, WhatAnNginxThatWasTakenOverListensAtIsNoOtherPrograms) {
  LoopbackListener nginx;
  process_->running = true;
  context_.config.access_proxies[0].vip.ext_port = nginx.port();
  control_->publish_policies();
  control_->start();
  ASSERT_EQ(process_->applied, 1);
  EXPECT_NE(proxy_at("127.0.0.1:" + std::to_string(nginx.port())), 0u);
  some_retries();
  EXPECT_EQ(process_->applied, 1);
}

TEST_F(NginxControlTest, AnNginxThatEndedIsToldAnewWhatItCanHave) {
  control_->start();
  ASSERT_EQ(process_->applied, 1);
  process_->on_died();
  looks_until([&] { return process_->applied == 2; });
  EXPECT_NE(proxy_at(at_web()), 0u);
}

TEST_F(NginxControlTest, WhatIsRefusedOnTheWayToAnotherPlaceIsNotAskedForAtOnceAgain) {
  context_.config.access_proxies[0].vip.ext_ip = *IpAddress::parse("0.0.0.0");
  control_->publish_policies();
  control_->start();
  ASSERT_EQ(process_->applied, 1);
  process_->running = true;
  context_.config.access_proxies[0].vip.ext_ip = *IpAddress::parse("127.0.0.1");
  process_->answer = fail(ErrorCode::kInvalidArgument, "nginx refuses the configuration");
  control_->publish_policies();
  control_->reload();
  EXPECT_EQ(process_->applied, 2);
  process_->answer = Status();
  control_->reload();
  EXPECT_EQ(process_->applied, 4) << "it lets go, then takes the other";
  EXPECT_NE(proxy_at(at_web()), 0u);
}

TEST_F(NginxControlTest, OurOwnNginxIsInNobodysWay) {
  control_->start();
  process_->running = true;
  EXPECT_TRUE(control_->obstacles().empty());
  LoopbackListener other;
  context_.config.access_proxies[0].vip.ext_port = other.port();
  control_->publish_policies();
  EXPECT_EQ(control_->obstacles().size(), 1u) << "as of now, before nginx is asked";
  control_->reload();
  EXPECT_NE(proxy_at(at_web()), 0u) << "it goes on where it was";
  // Another access proxy is to have that place: then nobody listens there for the first one.
  auto second = context_.config.access_proxies[0];
  second.name = "second";
  second.vip.ext_port = port_;
  const auto web = proxy_at(at_web());
  context_.config.access_proxies.push_back(second);
  control_->publish_policies();
  control_->reload();
  EXPECT_NE(proxy_at(at_web()), 0u);
  EXPECT_NE(proxy_at(at_web()), web);
}

TEST_F(NginxControlTest, AnNginxThatDoesNotAnswerIsAskedAgainAfterLongerAndLongerPauses) {
  process_->running = true;
  process_->answer = fail(ErrorCode::kDeadlineExceeded, "nginx has not said anything");
  control_->start();
  EXPECT_EQ(process_->applied, 1);
  EXPECT_THAT(control_->health().error().message, testing::HasSubstr("has not said"));
  const auto first = looks_until([&] { return process_->applied == 2; });
  const auto second = looks_until([&] { return process_->applied == 3; });
  EXPECT_GT(first, 10);
  EXPECT_GT(second, first + 10);
  process_->answer = Status();
  control_->reload();
  EXPECT_EQ(process_->applied, 4) << "at once with the next change";
  EXPECT_TRUE(control_->health());
}

TEST_F(NginxControlTest, WhatNginxSaysLateCountsAndDoesNotBeginAnew) {
  process_->running = true;
  process_->answer = fail(ErrorCode::kDeadlineExceeded, "nginx has not said anything");
  control_->start();
  EXPECT_FALSE(control_->health());
  process_->health_now = fail(ErrorCode::kUnavailable, "nginx doesn't take the configuration");
  process_->answer = fail(ErrorCode::kDeadlineExceeded, "nginx has not said anything again");
  looks_until([&] { return process_->applied == 2; });
  EXPECT_THAT(control_->health().error().message, testing::HasSubstr("again"));

  process_->health_now = Status();
  looks_until([&] { return control_->health().has_value(); });
  EXPECT_TRUE(control_->health());
  control_->reload();
  EXPECT_EQ(process_->applied, 2) << "it is what is in force";
  EXPECT_TRUE(control_->obstacles().empty()) << "our own nginx listens there";
}

TEST_F(NginxControlTest, WhatMayPassIsTriedAgain) {
  process_->answer = fail(ErrorCode::kUnavailable, "no space left");
  control_->start();
  some_retries();
  EXPECT_GT(process_->applied, 1);
  process_->answer = Status();
  some_retries();
  EXPECT_TRUE(control_->health());
}

}  // namespace
}  // namespace postern::gateway
