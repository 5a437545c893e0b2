#pragma once
// What the tests of NginxControl share: an access proxy, an nginx that answers as it is told to, and what its workers read.
#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <optional>

#include "ecshm/reader.h"
#include "gateway/shell/nginx_control.h"
#include "gateway/ztna/loopback_lab.h"

namespace postern::gateway {

class NginxControlLab : public testing::Test {
 protected:
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

  static std::uint16_t free_port() { return LoopbackListener().port(); }

  static config::ApiGatewayConfig api_gateway(int id, const char* server) {
    config::ApiGatewayConfig out;
    out.id = id;
    out.url_map = "/";
    out.servers = {{1, *IpAddress::parse(server), 8080, 1, true}};
    return out;
  }

  static config::ProxyPolicyConfig policy_of(int id, const char* proxy) {
    config::ProxyPolicyConfig out;
    out.id = id;
    out.access_proxies = {proxy};
    out.action = config::Action::kAccept;
    return out;
  }

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

}  // namespace postern::gateway
