// What becomes of an nginx that can't have what the configuration wants.
#include "gateway/shell/nginx_control.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>
#include <functional>

#include "gateway/ztna/loopback_lab.h"

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
    done(answer);
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
};

class NginxControlTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/postern-control-XXXXXX";
    dir_ = ::mkdtemp(name);
    auto shm = ecshm::Writer::create(dir_ / "run", {64, 64, static_cast<gid_t>(-1)});
    ASSERT_TRUE(shm) << shm.error().message;
    shm_ = std::move(*shm);
    context_.core = std::make_unique<GatewayCore>(proto::FabricIdentity{}, context_.random);
    config::AccessProxyConfig proxy;
    proxy.name = "web";
    proxy.vip = {"front", *IpAddress::parse("127.0.0.1"), taken_.port(), "", false};
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

  net::Loop loop_;
  Context context_{loop_, DaemonOptions{{}, "/x", "/x/module.so"}};
  std::filesystem::path dir_;
  std::unique_ptr<ecshm::Writer> shm_;
  std::unique_ptr<NginxControl> control_;
  FakeProcess* process_ = nullptr;
  LoopbackListener taken_;
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

TEST_F(NginxControlTest, ATakenPortIsAskedForAgainOnceOurOwnNginxMayHaveIt) {
  process_->answer = fail(ErrorCode::kConflict, "nginx can't listen at 127.0.0.1");
  control_->start();
  ASSERT_EQ(process_->applied, 1);
  EXPECT_FALSE(control_->health());
  EXPECT_EQ(control_->taken_ports().size(), 1u);
  some_retries();
  EXPECT_EQ(process_->applied, 1) << "another program still listens there";

  // nginx was started again by itself and got the port before anybody looked.
  process_->running = true;
  process_->answer = process_->health_now = Status();
  some_retries();
  EXPECT_EQ(process_->applied, 2);
  EXPECT_TRUE(control_->health());
  EXPECT_TRUE(control_->taken_ports().empty());
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
  EXPECT_TRUE(control_->taken_ports().empty()) << "our own nginx listens there";
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
