// What an administrator sees while the kernel refuses the firewall's changes, in a network namespace of the test's.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sched.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <stdexcept>
#include <thread>

#include <boost/json.hpp>
#include <fmt/format.h>

#include "ecshm/writer.h"
#include "gateway/api/api.h"
#include "gateway/cli/session.h"
#include "gateway/config/api_key.h"
#include "gateway/shell/operations.h"
#include "gateway/ztna/module_channel.h"
#include "gateway/ztna/traffic_log.h"

namespace postern::gateway {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// The machine's, and ahead of it by what a test lets pass.
class ClockAhead final : public Clock {
 public:
  Now now() const override {
    auto out = SystemClock().now();
    return {out.wall + std::chrono::floor<Millis>(ahead), out.mono + ahead};
  }
  std::chrono::nanoseconds ahead{0};
};

/// A gateway with everything that its health tells of. The network is that of the thread.
class HealthLab {
 public:
  explicit HealthLab(const std::filesystem::path& dir) {
    context_.time = &clock_;
    context_.core = std::make_unique<GatewayCore>(proto::FabricIdentity{}, context_.random);
    auto shm = ecshm::Writer::create(dir / "run", {64, 64, static_cast<gid_t>(-1)});
    if (!shm) throw std::runtime_error(shm.error().message);
    shm_ = std::move(*shm);
    nginx_ = std::make_unique<NginxControl>(context_, *shm_);
    NginxOptions options;
    options.dir = dir / "nginx";
    options.user.clear();
    if (auto made = nginx_->create(options); !made) throw std::runtime_error(made.error().message);
    auto traffic = TrafficLog::open(dir / "traffic.log", nullptr);
    if (!traffic) throw std::runtime_error(traffic.error().message);
    traffic_ = std::move(*traffic);
    if (auto published = shm_->publish(); !published) throw std::runtime_error(published.error().message);
    auto modules = ModuleChannel::open(loop_, dir / "run", {}, {});
    if (!modules) throw std::runtime_error(modules.error().message);
    modules_ = std::move(*modules);
    auto opened = FirewallControl::open(context_);
    if (!opened) throw std::runtime_error(opened.error().message);
    firewall = std::move(*opened);
    operations_ = std::make_unique<LiveOperations>(
        context_, channels_,
        LiveOperations::Parts{*nginx_, views_, firewall.get(), nullptr, *modules_, *traffic_});
    api_ = std::make_unique<Api>(*store_, *operations_, context_.clock, context_.random);
  }

  /// What `get system status` says.
  std::string command_line() {
    cli::CliSession session(*store_, *operations_, context_.random);
    std::string out;
    session.feed("get system status", [&](cli::Reply reply) { out = reply.output + reply.error; });
    return out;
  }
  /// What REST says of the firewall: "failed: why".
  std::string rest() {
    net::HttpRequest request;
    request.method = "GET";
    request.path = "/api/v2/monitor/system/status";
    request.headers.add("Authorization", "Bearer " + token_);
    std::string out;
    api_->handle(std::move(request), [&](net::HttpResponse response) {
      const auto body = boost::json::parse(response.body);
      for (const auto& part : body.at("results").at("health").as_array()) {
        if (part.at("part") != "Firewall") continue;
        out = fmt::format("{}: {}", part.at("status").as_string().c_str(), part.at("message").as_string().c_str());
      }
    });
    return out;
  }
  static AddressState address(std::string interface, std::string_view ip = "10.0.1.2") {
    return {*IpAddress::parse(ip), *MacAddress::parse("02:09:0f:00:01:02"), std::move(interface), {}, {}, {}};
  }

  void pass(std::chrono::nanoseconds time) { clock_.ahead += time; }

 private:
  net::Loop loop_;
  ClockAhead clock_;
  Context context_{loop_, DaemonOptions{{}, "/x", "/x/module.so"}};
  std::unique_ptr<ecshm::Writer> shm_;
  std::unique_ptr<NginxControl> nginx_;
  std::unique_ptr<TrafficLog> traffic_;
  std::unique_ptr<ModuleChannel> modules_;
  FabricChannels channels_{context_};
  KeptViews views_{context_};

 public:
  std::unique_ptr<FirewallControl> firewall;
  /// Not into the rest after the transaction before, which goes by itself.
  void apply() {
    while (firewall->resting()) std::this_thread::yield();
    firewall->apply();
  }
  void run_until(const std::function<bool()>& done) {
    using namespace std::chrono_literals;
    const auto look = loop_.every(1ms, [&] {
      if (done()) loop_.stop();
    });
    const auto patience = loop_.after(60s, [&] {
      ADD_FAILURE() << "it never came to that";
      loop_.stop();
    });
    loop_.run();
  }

 private:
  std::unique_ptr<config::ConfigStore> store_ = config::ConfigStore::in_memory(config::gateway_schema());
  std::string token_ = *config::generate_api_key(*store_, "tests", context_.random);
  std::unique_ptr<LiveOperations> operations_;
  std::unique_ptr<Api> api_;
};

class FirewallHealthTest : public testing::Test {
 protected:
  void SetUp() override {
    if (std::system(("ip netns add " + space_ + " 2>/dev/null").c_str()) != 0) {
      GTEST_SKIP() << "network namespaces can't be made here (EPERM?)";
    }
    char name[] = "/tmp/postern-health-XXXXXX";
    dir_ = ::mkdtemp(name);
  }
  void TearDown() override {
    if (dir_.empty()) return;
    std::filesystem::remove_all(dir_);
    EXPECT_EQ(std::system(("ip netns del " + space_).c_str()), 0);
  }
  void with_lab(const std::function<void(HealthLab&)>& work) const {
    std::thread([&] {
      const int fd = open(("/run/netns/" + space_).c_str(), O_RDONLY | O_CLOEXEC);
      ASSERT_EQ(setns(fd, CLONE_NEWNET), 0);
      close(fd);
      HealthLab lab(dir_);
      work(lab);
    }).join();
  }
  const std::string space_ = fmt::format("postern-fh-{}", getpid());
  std::filesystem::path dir_;
};

TEST_F(FirewallHealthTest, ARefusedChangeIsToldWithWhatToDoUntilTheKernelTakesIt) {
  with_lab([](HealthLab& lab) {
    lab.firewall->use_policies();
    lab.apply();
    lab.firewall->renew_lease();
    EXPECT_THAT(lab.command_line(), HasSubstr("\nFirewall: OK\n"));
    EXPECT_EQ(lab.rest(), "ok: ");

    lab.firewall->upsert(HealthLab::address("longer-than-any-interface's-name"));
    for (int i = 0; i < 2; ++i) {  // it is tried again, and refused again
      lab.apply();
      const auto failed = AllOf(HasSubstr("nftables refuses the change: "), HasSubstr("it is tried again all the time"),
                                HasSubstr("nft list table inet postern"));
      EXPECT_THAT(lab.command_line(), AllOf(HasSubstr("\nFirewall: FAILED: nftables"), failed));
      EXPECT_THAT(lab.rest(), AllOf(testing::StartsWith("failed: nftables"), failed));
    }

    lab.firewall->upsert(HealthLab::address("port1"));
    lab.apply();
    EXPECT_THAT(lab.command_line(), AllOf(HasSubstr("\nFirewall: OK\n"), Not(HasSubstr("refuses"))));
    EXPECT_EQ(lab.rest(), "ok: ");
  });
}

// What was taken from somebody and could not be brought into force must not go on by a lease that is renewed.
TEST_F(FirewallHealthTest, WhileTheKernelRefusesAChangeTheLeaseRunsOut) {
  with_lab([this](HealthLab& lab) {
    const auto held = [this] {
      return std::system(("ip netns exec " + space_ + " nft list set inet postern alive | grep -q 'ipv4 timeout'").c_str()) == 0;
    };
    lab.firewall->use_policies();
    lab.firewall->upsert(HealthLab::address("port1"));
    lab.apply();
    lab.firewall->upsert(HealthLab::address("longer-than-any-interface's-name", "10.0.1.3"));
    lab.firewall->remove(*IpAddress::parse("10.0.1.2"));
    lab.apply();
    ASSERT_FALSE(lab.firewall->health());
    lab.firewall->renew_lease();
    EXPECT_FALSE(held()) << "somebody who is nobody any more is let through";
    EXPECT_FALSE(lab.firewall->health());

    lab.firewall->remove(*IpAddress::parse("10.0.1.3"));
    lab.apply();
    EXPECT_TRUE(lab.firewall->health());
    EXPECT_TRUE(held()) << "the lease waited for that";
  });
}

TEST_F(FirewallHealthTest, ATableThatSomebodyDeletesIsToldAndBuiltAnew) {
  with_lab([this](HealthLab& lab) {
    lab.firewall->use_policies();
    lab.apply();
    ASSERT_EQ(std::system(("ip netns exec " + space_ + " nft delete table inet postern").c_str()), 0);
    lab.firewall->renew_lease();
    EXPECT_THAT(lab.command_line(), HasSubstr("\nFirewall: FAILED: nftables refuses the change: "));
    EXPECT_THAT(lab.rest(), testing::StartsWith("failed: "));
    lab.apply();  // nobody changed anything
    EXPECT_EQ(std::system(("ip netns exec " + space_ + " nft list table inet postern >/dev/null").c_str()), 0);
    lab.firewall->renew_lease();
    EXPECT_THAT(lab.command_line(), HasSubstr("\nFirewall: OK\n"));
  });
}

TEST_F(FirewallHealthTest, AVeryLargeChangeIsToldAndHoldsNothingElseUp) {
  with_lab([](HealthLab& lab) {
    lab.firewall->set_slice({});  // one transaction for each turn of the loop
    lab.firewall->use_policies();
    lab.apply();
    lab.firewall->renew_lease();
    for (int i = 0; i < 6000; ++i) lab.firewall->upsert(HealthLab::address("port1", fmt::format("10.1.{}.{}", i / 250, i % 250 + 1)));
    lab.apply();
    const auto transactions = lab.firewall->counters().transactions;
    const auto busy = HasSubstr("\nFirewall: OK: a very large change is being brought into force\n");
    EXPECT_THAT(lab.command_line(), busy);
    // What comes meanwhile waits, and the lease runs on.
    lab.firewall->upsert(HealthLab::address("longer-than-any-interface's-name", "10.2.0.1"));
    lab.firewall->apply();
    lab.firewall->renew_lease();
    EXPECT_THAT(lab.command_line(), busy);
    EXPECT_EQ(lab.firewall->counters().transactions, transactions);

    lab.run_until([&] { return lab.firewall->counters().failed > 0; });
    EXPECT_FALSE(lab.firewall->unfinished());
    EXPECT_THAT(lab.command_line(), HasSubstr("\nFirewall: FAILED: nftables"));
    lab.firewall->upsert(HealthLab::address("port1", "10.2.0.1"));
    lab.firewall->apply();
    lab.run_until([&] { return lab.firewall->health() && !lab.firewall->unfinished(); });
    EXPECT_THAT(lab.command_line(), HasSubstr("\nFirewall: OK\n"));
  });
}

// Where one very large change follows another, the moment at which a lease is renewed may never fall between them.
TEST_F(FirewallHealthTest, ALeaseThatWaitedForAVeryLargeChangeIsRenewedBehindIt) {
  with_lab([this](HealthLab& lab) {
    lab.firewall->set_slice({});
    lab.firewall->use_policies();
    for (int i = 0; i < 6000; ++i) lab.firewall->upsert(HealthLab::address("port1", fmt::format("10.1.{}.{}", i / 250, i % 250 + 1)));
    const auto begun = std::chrono::steady_clock::now();
    lab.apply();
    ASSERT_TRUE(lab.firewall->unfinished());
    lab.firewall->renew_lease();
    const auto held = [this] {
      return std::system(("ip netns exec " + space_ + " nft list set inet postern alive | grep -q 'ipv4 timeout'").c_str()) == 0;
    };
    EXPECT_FALSE(held());
    lab.run_until([&] { return !lab.firewall->unfinished(); });
    // For five seconds from when the change was begun.
    EXPECT_TRUE(held() || std::chrono::steady_clock::now() - begun > GatewayCore::kLease - Seconds(1));
  });
}

TEST_F(FirewallHealthTest, AGatewayThatStoodStillBetweenTwoPartsRenewsNoLeaseByThat) {
  with_lab([this](HealthLab& lab) {
    lab.firewall->use_policies();
    lab.apply();
    lab.firewall->set_at_once(100);
    for (int i = 0; i < 150; ++i) lab.firewall->upsert(HealthLab::address("port1", fmt::format("10.1.1.{}", i + 1)));
    lab.apply();
    ASSERT_TRUE(lab.firewall->unfinished());
    lab.firewall->renew_lease();
    lab.pass(GatewayCore::kLease);
    lab.run_until([&] { return !lab.firewall->unfinished(); });
    EXPECT_NE(std::system(("ip netns exec " + space_ + " nft list set inet postern alive | grep -q 'ipv4 timeout'").c_str()), 0);
  });
}

TEST_F(FirewallHealthTest, ManyAddressesChangeInPartsAndWhatGoesOnComingHoldsTheLeaseUpNoLonger) {
  with_lab([this](HealthLab& lab) {
    const auto at = [](int i) { return fmt::format("10.1.{}.{}", i / 250, i % 250 + 1); };
    const auto held = [&](int i) {
      return std::system(fmt::format("ip netns exec {} nft get element inet postern held '{{ {} }}' >/dev/null 2>&1", space_, at(i)).c_str()) == 0;
    };
    lab.firewall->use_policies();
    lab.apply();
    lab.firewall->set_at_once(100);
    for (int i = 0; i < 350; ++i) lab.firewall->upsert(HealthLab::address("port1", at(i)));
    const auto before = lab.firewall->counters().transactions;
    lab.apply();
    ASSERT_TRUE(lab.firewall->unfinished());
    EXPECT_TRUE(held(0) && held(99) && !held(100) && !held(349));
    lab.firewall->renew_lease();
    int next = 350;
    lab.run_until([&] {
      lab.firewall->upsert(HealthLab::address("port1", at(next++)));
      return !lab.firewall->unfinished();
    });
    EXPECT_GE(lab.firewall->counters().transactions - before, 4u);
    EXPECT_TRUE(held(349));
    EXPECT_EQ(std::system(("ip netns exec " + space_ + " nft list set inet postern alive | grep -q 'ipv4 timeout'").c_str()), 0);
    // A dry run has what waits, too.
    for (int i = 0; i < 350; ++i) lab.firewall->remove(*IpAddress::parse(at(i)));
    EXPECT_THAT(lab.firewall->ruleset_of({}), Not(HasSubstr(at(349) + ",")));
    lab.apply();
    EXPECT_TRUE(!held(0) && !held(99) && held(349));
    lab.run_until([&] { return !lab.firewall->unfinished() && !held(349); });
  });
}

}  // namespace
}  // namespace postern::gateway
