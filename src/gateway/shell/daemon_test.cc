// The whole gateway as a process of its own, in a network namespace of the test's: what it finds there and leaves.
#include "gateway/shell/daemon.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "base/file.h"
#include "base/text.h"
#include "gateway/addresses/kept_pins.h"
#include "gateway/core/gateway_core.h"
#include "gateway/core/view_cache.h"
#include "gateway/firewall/firewall.h"
#include "gateway/neighbours/reader.h"
#include "wire/fabric.pb.h"

namespace postern::gateway {
namespace {

class DaemonTest : public testing::Test {
 protected:
  void SetUp() override {
    if (std::system(("ip netns add " + space_ + " 2>/dev/null").c_str()) != 0) {
      GTEST_SKIP() << "network namespaces can't be made here (EPERM?)";
    }
    in_ip("link set lo up");
    in_ip("link add port1 type veth peer name far");
    in_ip("link set port1 up");
    char name[] = "/tmp/postern-daemon-XXXXXX";
    dir_ = ::mkdtemp(name);
    std::filesystem::permissions(dir_, std::filesystem::perms(0711));
    // The module where nginx's user can read it, whatever the permissions of the build tree are.
    std::filesystem::copy(POSTERN_BIN_DIR "/ngx_http_postern_module.so", dir_ / "module.so");
  }
  void TearDown() override {
    if (child_ > 0) {
      kill(child_, SIGKILL);
      waitpid(child_, nullptr, 0);
    }
    if (std::system(("ip netns del " + space_ + " 2>/dev/null").c_str()) != 0 || dir_.empty()) return;
    std::filesystem::remove_all(dir_);
  }
  void in_ip(const std::string& arguments) {
    ASSERT_EQ(std::system(("ip -n " + space_ + " " + arguments).c_str()), 0) << arguments;
  }
  void enter() const {
    const int fd = open(("/run/netns/" + space_).c_str(), O_RDONLY | O_CLOEXEC);
    ASSERT_EQ(setns(fd, CLONE_NEWNET), 0);
    close(fd);
  }
  void inside(const std::function<void()>& work) const {
    std::thread([&] {
      enter();
      work();
    }).join();
  }
  /// As another gateway would, which has IP and MAC control here.
  void leave_table_and_pin() const {
    inside([] {
      auto wall = firewall::Firewall::open();
      ASSERT_TRUE(wall) << wall.error().message;
      ASSERT_TRUE((*wall)->apply());
      auto reader = NetworkReader::open();
      ASSERT_TRUE(reader) << reader.error().message;
      ASSERT_TRUE((*reader)->pin(kPinned, *MacAddress::parse("02:09:0f:00:01:02")));
    });
  }
  /// What such a gateway kept of its one EMS: two endpoints, of which the last has the pinned address.
  void leave_records() const {
    CachedView kept;
    const std::string uids[] = {"9A016B5A6E914B42AD4168C066EB0401", "9A016B5A6E914B42AD4168C066EB0402"};
    for (int i = 0; i < 2; ++i) {
      wire::ViewEntry e;
      auto& r = *e.mutable_record();
      r.set_uid(uids[i]);
      r.set_online(true);
      r.set_registered(true);
      auto& card = *r.add_interfaces();
      card.set_up(true);
      card.set_mac(std::string("\x02\x09\x0f\x00\x01\x01", 6));
      card.mutable_mac()->back() = static_cast<char>(i + 1);
      card.add_addresses(std::string("\x0a\x00\x01", 3) + static_cast<char>(3 - i));
      r.add_routes()->set_gateway_mac(std::string("\x02\x09\x0f\x00\x01\xfe", 6));
      e.set_share_connected(true);
      kept.view.upsert(EndpointUid(uids[i]), e.SerializeAsString());
    }
    kept.epoch = kept.revision = 1;
    kept.contact = SystemClock().now();
    kept.boot_id = std::string(trim(*read_file("/proc/sys/kernel/random/boot_id", 64)));
    kept.source = "10.9.9.9 PSTEMS0123456789  " + std::string(64, 'a');
    std::filesystem::create_directories(dir_ / "data");
    std::filesystem::create_directories(dir_ / "run");
    std::ofstream(dir_ / "data/ems1.view") << encode_cached_view(kept);
    std::ofstream(dir_ / "data/gateway.conf") << "config endpoint-control fctems\nedit 1\nset status enable\nset name E\nset server 10.9.9.9\n"
                                              << "set serial-number PSTEMS0123456789\nset certificate-fingerprint " << std::string(64, 'a')
                                              << "\nnext\nend\n";
    std::ofstream(dir_ / "run/pins") << encode_pins({{kPinned, *MacAddress::parse("02:09:0f:00:01:02"), {1, EndpointUid(uids[1])}}});
  }
  bool table_there() const {
    return std::system(("ip netns exec " + space_ + " nft list table inet postern >/dev/null 2>&1").c_str()) == 0;
  }
  bool pin_there() const {
    bool there = false;
    inside([&] {
      auto reader = NetworkReader::open();
      ASSERT_TRUE(reader) << reader.error().message;
      there = (*reader)->table().pinned(kPinned);
    });
    return there;
  }

  void start(bool firewall, std::size_t records_at_once = GatewayCore::kAtOnce) {
    DaemonOptions options{dir_ / "data", dir_ / "run", (dir_ / "module.so").string()};
    options.api_listen = "127.0.0.1:0";
    options.firewall = firewall;
    options.records_at_once = records_at_once;
    child_ = fork();
    if (child_ == 0) {
      enter();
      _exit(run_gateway(options));
    }
    ASSERT_GT(child_, 0);
    ASSERT_TRUE(catches_sigterm()) << "it has not started";
    ASSERT_TRUE(nginx_runs());
  }
  /// Before that it wouldn't hear that it should end.
  bool nginx_runs() const {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (std::chrono::steady_clock::now() < deadline) {
      std::ifstream log(dir_ / "run/nginx/state/error.log");
      for (std::string line; std::getline(log, line);) {
        if (line.find("start worker process ") != line.npos) return true;
      }
      poll(nullptr, 0, 2);
    }
    return false;
  }
  /// The last thing that a start does.
  bool catches_sigterm() {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (std::chrono::steady_clock::now() < deadline) {
      if (waitpid(child_, nullptr, WNOHANG) != 0) {
        child_ = 0;
        return false;
      }
      std::ifstream status(fmt::format("/proc/{}/status", child_));
      for (std::string word; status >> word;) {
        if (word != "SigCgt:") continue;
        status >> word;
        if (std::stoull(word, nullptr, 16) & (1ull << (SIGTERM - 1))) return true;
      }
      poll(nullptr, 0, 2);
    }
    return false;
  }
  void stop() {
    kill(child_, SIGTERM);
    int status = 0;
    ASSERT_GT(waitpid(std::exchange(child_, 0), &status, 0), 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  }

  inline static const NeighbourKey kPinned = {"port1", *IpAddress::parse("10.0.1.2")};
  const std::string space_ = fmt::format("postern-gw-{}", getpid());
  std::filesystem::path dir_;
  pid_t child_ = 0;
};

TEST_F(DaemonTest, WithoutFirewallItLeavesAnotherGatewaysTableAndPinsAlone) {
  leave_table_and_pin();
  start(false);
  EXPECT_TRUE(table_there());
  EXPECT_TRUE(pin_there());
  stop();
  EXPECT_TRUE(table_there());
  EXPECT_TRUE(pin_there());
}

TEST_F(DaemonTest, WithFirewallItTakesOverWhatAKilledGatewayLeft) {
  leave_table_and_pin();
  start(true);
  EXPECT_TRUE(table_there());
  EXPECT_FALSE(pin_there()) << "nobody claims it";
  stop();
  EXPECT_TRUE(table_there()) << "without it everything would be forwarded";
}

// However few records are taken up in one turn.
TEST_F(DaemonTest, WhatAKilledGatewayPinnedStaysItsOwners) {
  in_ip("link set port1 address 02:09:0f:00:01:fe");
  in_ip("addr add 10.0.1.1/24 dev port1");
  leave_table_and_pin();
  leave_records();
  start(true, 1);
  EXPECT_TRUE(pin_there());
  stop();
  EXPECT_FALSE(pin_there()) << "an end leaves none";
}

TEST_F(DaemonTest, AGatewayThatCannotStartForwardsNothing) {
  std::filesystem::create_directories(dir_ / "data");
  std::ofstream(dir_ / "data/gateway.conf") << "config firewall policy\nedit x\n";
  DaemonOptions options{dir_ / "data", dir_ / "run", (dir_ / "module.so").string()};
  inside([&] { EXPECT_EQ(run_gateway(options), 1); });
  EXPECT_TRUE(table_there());
}

}  // namespace
}  // namespace postern::gateway
