// Our nginx as a process: started as another user, reloaded, adopted, restarted; with its workers
// on the channel.
#include "gateway/ztna/nginx_process.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <optional>
#include <sstream>
#include <thread>

#include "base/clock.h"
#include "ecshm/writer.h"
#include "gateway/forward/destinations.h"
#include "gateway/ztna/fake_applications.h"
#include "gateway/ztna/loopback_lab.h"
#include "gateway/ztna/module_channel.h"
#include "gateway/ztna/nginx_config.h"
#include "policy/compile.h"

namespace postern::gateway {
namespace {

std::string slurp(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

class NginxProcessTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/postern-ztna-XXXXXX";
    dir_ = mkdtemp(name);
    std::filesystem::permissions(dir_, std::filesystem::perms::owner_all |
                                           std::filesystem::perms::group_exec |
                                           std::filesystem::perms::others_exec);
    // The module where nginx's user can read it, whatever the permissions of the build tree are.
    std::filesystem::copy(POSTERN_BIN_DIR "/ngx_http_postern_module.so", dir_ / "module.so");
    options_.dir = dir_ / "nginx";
    const auto user = find_nginx_user(options_);
    ASSERT_TRUE(user) << user.error().message;
    user_ = *user;
    const auto group = geteuid() == 0 ? user_.gid : static_cast<gid_t>(-1);
    auto writer = ecshm::Writer::create(dir_ / "run", {64, 64, group});
    ASSERT_TRUE(writer) << writer.error().message;
    writer_ = std::move(*writer);
    policy::PolicyTable table;
    policy::ApiGateway all;
    all.id = 1;
    all.pool = 1;
    policy::Policy policy;
    policy.id = 1;
    policy.proxies = {1};
    policy.tags = {3};
    policy::Policy open;
    open.id = 2;
    open.proxies = {2};
    table.proxies = {{1, "app", policy::EmptyCertAction::kBlock, {all}},
                     {2, "open", policy::EmptyCertAction::kAccept, {all}}};
    table.policies = {policy, open};
    ASSERT_TRUE(writer_->publish_policies(*policy::compile(table)));
    ASSERT_TRUE(writer_->publish());
    ModuleChannel::Callbacks callbacks;
    callbacks.on_event = [this](const ecshm::Event& e) { events_.push_back(e); };
    thread_ = std::thread([this] { loop_.run(); });
    on_loop([&] {
      auto channel = ModuleChannel::open(loop_, dir_ / "run", {group, {user_.uid}}, callbacks);
      ASSERT_TRUE(channel) << channel.error().message;
      channel_ = std::move(*channel);
    });
    make_process();
    port_ = free_port();
    make_certificate();
  }

  void TearDown() override {
    on_loop([&] {
      process_->stop();
      process_.reset();
      channel_.reset();
    });
    loop_.stop();
    thread_.join();
    writer_.reset();
    std::filesystem::remove_all(dir_);
  }

  void make_process() {
    on_loop([&] {
      process_.reset();
      auto process = NginxProcess::create(loop_, options_);
      ASSERT_TRUE(process) << process.error().message;
      process_ = std::move(*process);
    });
  }

  void make_certificate() {
    const auto key = (dir_ / "k").string(), certificate = (dir_ / "c").string();
    const auto command =
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj "
        "/CN=app "
        "-keyout " +
        key + " -out " + certificate + " 2>/dev/null";
    ASSERT_EQ(std::system(command.c_str()), 0);
    auto path = process_->install("server.pem", slurp(certificate));
    ASSERT_TRUE(path) << path.error().message;
    certificate_ = *path;
    path = process_->install("server.key", slurp(key));
    ASSERT_TRUE(path) << path.error().message;
    key_ = *path;
  }

  NginxConfig parts(std::uint32_t proxy = 1, std::uint16_t application = 9) const {
    NginxConfig c;
    c.module_path = (dir_ / "module.so").string();
    c.runtime_dir = (dir_ / "run").string();
    c.state_dir = process_->state_dir().string();
    c.client_ca_path = certificate_;
    c.listeners = {{proxy, *IpAddress::parse("127.0.0.1"), port_,
                    certificate_, key_, true}};
    c.pools = {{1, {{*IpAddress::parse("127.0.0.1"), application, 1}}}};
    c.pools[0].servers[0].number = 1;
    return c;
  }

  std::string config(std::uint32_t proxy = 1, std::uint16_t application = 9) const {
    const auto text = render_nginx_config(parts(proxy, application));
    EXPECT_TRUE(text) << (text ? "" : text.error().message);
    return *text;
  }

  /// Runs `work` on the loop's thread and waits for it.
  void on_loop(const std::function<void()>& work) {
    std::promise<void> done;
    loop_.post([&] {
      work();
      done.set_value();
    });
    done.get_future().wait();
  }

  /// Waits until the condition, looked at on the loop's thread, holds.
  bool run_until(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    for (;;) {
      bool held = false;
      on_loop([&] { held = condition(); });
      if (held || std::chrono::steady_clock::now() > deadline) return held;
      poll(nullptr, 0, 2);
    }
  }

  Status apply(std::string text) {
    std::optional<Status> result;
    on_loop([&] { process_->apply(std::move(text), [&](Status s) { result = std::move(s); }); });
    EXPECT_TRUE(run_until([&] { return result.has_value(); }));
    return result.value_or(fail(ErrorCode::kInternal, "no answer"));
  }

  /// The status and the reason code that a client without a certificate gets.
  std::string get() const {
    return curl("-o /dev/null -w '%{http_code} %header{x-postern-reason}'");
  }

  /// What a client without a certificate prints.
  std::string curl(const std::string& options) const {
    const auto command =
        "curl -sk --max-time 10 " + options + " https://127.0.0.1:" + std::to_string(port_) + "/";
    std::string out;
    FILE* pipe = popen(command.c_str(), "r");
    char chunk[256];
    while (pipe != nullptr && fgets(chunk, sizeof chunk, pipe) != nullptr) out += chunk;
    if (pipe != nullptr) pclose(pipe);
    return out;
  }

  std::optional<pid_t> pid() {
    std::optional<pid_t> out;
    on_loop([&] { out = process_->pid(); });
    return out;
  }

  net::Loop loop_;
  std::thread thread_;
  std::filesystem::path dir_;
  NginxOptions options_;
  ProcessUser user_;
  std::unique_ptr<ecshm::Writer> writer_;
  std::unique_ptr<ModuleChannel> channel_;
  std::unique_ptr<NginxProcess> process_;
  std::vector<ecshm::Event> events_;
  std::string certificate_, key_;
  std::uint16_t port_ = 0;
};

TEST_F(NginxProcessTest, TakesAsManyDestinationsAsTheForwarderDoes) {
  std::string destinations;
  while (destinations.size() + 24 < kMaxDestinationsText) destinations += (destinations.empty() ? "" : ";") + std::string("10.0.0.5 5432-5440");
  ASSERT_TRUE(parse_destinations(destinations));
  auto c = parts();
  c.forwarder = (dir_ / "tcp.sock").string();
  c.pools[0] = {1, {}};
  c.pools[0].destinations = destinations;
  c.listeners[0].pools = {1};
  const auto text = render_nginx_config(c);
  ASSERT_TRUE(text) << text.error().message;
  const auto applied = apply(*text);
  EXPECT_TRUE(applied) << applied.error().message;
}

TEST_F(NginxProcessTest, StartsReloadsIsAdoptedAndComesBack) {
  auto applied = apply(config());
  ASSERT_TRUE(applied) << applied.error().message;
  ASSERT_TRUE(run_until([&] { return channel_->counters().workers == 1; }))
      << slurp(process_->state_dir() / "error.log");
  const auto first = pid();
  ASSERT_TRUE(first);
  const auto status = slurp("/proc/" + std::to_string(*first) + "/status");
  EXPECT_NE(status.find("Uid:\t" + std::to_string(user_.uid) + "\t" + std::to_string(user_.uid)),
            std::string::npos)
      << status;
  EXPECT_NE(status.find("NoNewPrivs:\t1"), std::string::npos) << status;
  EXPECT_EQ(get(), "403 002");
  EXPECT_TRUE(run_until([&] { return channel_->counters().denied == 1; }))
      << "the worker reports it";
  EXPECT_EQ(events_.back().reason, policy::Reason::kEmptyCertificate);

  applied = apply("load_module /nowhere.so;\n");
  EXPECT_EQ(applied.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(applied.error().message.find("/nowhere.so"), std::string::npos)
      << applied.error().message;
  EXPECT_EQ(get(), "403 002") << "the old configuration stays";

  ASSERT_TRUE(apply(config()));
  EXPECT_EQ(pid(), first) << "a reload, not a restart";

  make_process();  // As a gateway that starts again.
  EXPECT_EQ(pid(), first) << "adopted: its ports are ours";
  ASSERT_TRUE(apply(config()));
  EXPECT_EQ(pid(), first);

  int died = 0;
  on_loop([&] { process_->on_died = [&] { ++died; }; });
  ASSERT_EQ(kill(*first, SIGKILL), 0);
  ASSERT_TRUE(run_until([&] { return process_->pid() && process_->pid() != first; }))
      << "started again";
  EXPECT_EQ(died, 1);
  EXPECT_TRUE(run_until([&] { return get() == "403 002"; }))
      << slurp(process_->state_dir() / "error.log");

  on_loop([&] { process_->stop(); });
  EXPECT_FALSE(pid());
  EXPECT_EQ(get(), "000 ");
}

TEST_F(NginxProcessTest, APortThatIsTakenIsToldAndUsedOnceItIsFree) {
  ASSERT_TRUE(apply(config()));
  EXPECT_TRUE(process_->health());
  const auto first = pid();
  const auto old = port_, taken = free_port();
  port_ = taken;
  {
    LoopbackListener squatter(port_);
    const auto applied = apply(config());
    ASSERT_FALSE(applied);
    EXPECT_EQ(applied.error().code, ErrorCode::kConflict);
    const auto where = "127.0.0.1:" + std::to_string(port_);
    EXPECT_NE(applied.error().message.find("can't listen at " + where + ": another program"), std::string::npos)
        << applied.error().message;
    EXPECT_FALSE(process_->health());
    port_ = old;
    EXPECT_EQ(get(), "403 002") << "the old configuration goes on";
    port_ = taken;
  }
  ASSERT_TRUE(apply(config()));
  EXPECT_TRUE(process_->health());
  EXPECT_EQ(get(), "403 002");
  EXPECT_EQ(pid(), first);
}

TEST_F(NginxProcessTest, AnNginxThatCannotStartIsStartedAgainUntilItCan) {
  auto squatter = std::make_unique<LoopbackListener>(port_);
  const auto applied = apply(config());
  ASSERT_FALSE(applied);
  EXPECT_EQ(applied.error().code, ErrorCode::kConflict) << applied.error().message;
  squatter.reset();
  EXPECT_TRUE(run_until([&] { return process_->health().has_value(); }));
  EXPECT_EQ(get(), "403 002");
}

/// Stands in for an nginx whose workers fill the log before the master comes to speak.
TEST_F(NginxProcessTest, FindsTheVerdictBehindALotOfOtherOutput) {
  const auto script = dir_ / "busy-nginx";
  std::ofstream(script) << R"sh(#!/bin/sh
for word; do [ "$word" = -t ] && exit 0; done
line="2026/11/25 19:00:00 [error] 1#1: *1 $(printf %0200d 0)"
for i in 1 2 3 4 5 6 7 8 9 10; do line="$line
$line"; done
echo "$line" >>"$4"
echo "$line" >>"$4"
echo "2026/11/25 19:00:00 [notice] $$#$$: start worker processes" >>"$4"
exec sleep 1000
)sh";
  std::filesystem::permissions(script, std::filesystem::perms(0755));
  options_.binary = script.string();
  make_process();
  const auto applied = apply("nothing");
  EXPECT_TRUE(applied) << applied.error().message;
  EXPECT_GT(std::filesystem::file_size(process_->state_dir() / "error.log"), 256u << 10);
}

TEST_F(NginxProcessTest, ItsLogBeginsAnewWhenItIsFull) {
  options_.max_log_bytes = 256u << 10;
  make_process();
  ASSERT_TRUE(apply(config()));
  const auto log = process_->state_dir() / "error.log", before = process_->state_dir() / "error.log.1";
  const auto first = pid();
  std::ofstream(log, std::ios::app) << std::string(300u << 10, 'x') << '\n';
  ASSERT_TRUE(run_until([&] { return std::filesystem::exists(before) && std::filesystem::exists(log); }));
  EXPECT_GT(std::filesystem::file_size(before), 256u << 10);
  EXPECT_TRUE(apply(config())) << "what nginx says is found in the new one";
  EXPECT_EQ(pid(), first);
  EXPECT_NE(slurp(log).find("reconfiguring"), std::string::npos);
}

/// Stands in for an nginx that is slow to take a configuration.
TEST_F(NginxProcessTest, WhatNginxSaysTooLateStillCounts) {
  const auto script = dir_ / "slow-nginx", go = dir_ / "go";
  std::ofstream(script) << R"sh(#!/bin/sh
for word; do [ "$word" = -t ] && exit 0; done
log=$4
until [ -e )sh" << go.string()
                        << R"sh( ]; do sleep 0.01; done
echo "2026/11/25 19:00:00 [notice] $$#$$: start worker processes" >>"$log"
exec sleep 1000
)sh";
  std::filesystem::permissions(script, std::filesystem::perms(0755));
  options_.binary = script.string();
  options_.verdict_patience = std::chrono::milliseconds(50);
  make_process();
  const auto applied = apply("nothing");
  ASSERT_FALSE(applied);
  EXPECT_EQ(applied.error().code, ErrorCode::kDeadlineExceeded);
  EXPECT_FALSE(process_->health());
  std::ofstream(go) << "now";
  EXPECT_TRUE(run_until([&] { return process_->health().has_value(); }));
}

TEST_F(NginxProcessTest, APieceOfAnAnswerReachesTheClientBeforeTheNextIsSent) {
  TwoPieces application;
  const auto applied = apply(config(2, application.port()));
  ASSERT_TRUE(applied) << applied.error().message;
  ASSERT_TRUE(run_until([&] { return channel_->counters().workers == 1; }));
  for (const std::string version : {"--http1.1", "--http2"}) {
    for (const std::string path : {"length", "chunked", "until-the-end"}) {
      SCOPED_TRACE(version + " " + path);
      FILE* client = popen(("curl -skN " + version + " --max-time 20 https://127.0.0.1:" +
                            std::to_string(port_) + "/" + path)
                               .c_str(),
                           "r");
      ASSERT_NE(client, nullptr);
      pollfd p{fileno(client), POLLIN, 0};
      EXPECT_EQ(poll(&p, 1, 10'000), 1) << "held back";
      char text[64] = "";
      if (p.revents == 0) application.go_on();
      EXPECT_STREQ(fgets(text, sizeof text, client), "first\n");
      if (p.revents != 0) application.go_on();
      EXPECT_STREQ(fgets(text, sizeof text, client), "second");
      EXPECT_EQ(pclose(client), 0);
    }
  }
}

TEST_F(NginxProcessTest, ABodyThatIsLeftUnreadIsNobodysRequest) {
  Careless application;
  const auto applied = apply(config(2, application.port()));
  ASSERT_TRUE(applied) << applied.error().message;
  ASSERT_TRUE(run_until([&] { return channel_->counters().workers == 1; }));
  const auto connection = [](const std::string& answer) { return answer.substr(0, answer.find('\n')); };
  const auto kept = curl("");
  EXPECT_EQ(kept.rfind("connection 1\n", 0), 0u) << kept;
  EXPECT_EQ(connection(curl("")), "connection 1") << "without a body connections are used again";

  const auto hidden = dir_ / "hidden";
  std::ofstream(hidden) << "GET /smuggled HTTP/1.1\r\nX-Smuggled: ";
  const auto body = " -X GET --data-binary @" + hidden.string();
  for (const std::string how :
       {"--http1.1", "--http1.1 -H 'Transfer-Encoding: chunked'", "--http1.1 -H 'Upgrade: websocket' -H 'Connection: Upgrade'",
        "--http2", "--http2 -H 'Content-Length:'"}) {
    SCOPED_TRACE(how);
    const auto first = curl(how + body);
    EXPECT_NE(first.find("GET / HTTP/1.1"), std::string::npos) << first;
    EXPECT_NE(first.find("Connection: close"), std::string::npos) << first;
    EXPECT_NE(connection(first), "connection 1") << "nor may a kept one be given what is left unread";
    for (int i = 0; i < 3; ++i) {
      const auto other = curl("-H 'Cookie: session=of-another'");
      EXPECT_NE(other.find("\nGET / HTTP/1.1"), std::string::npos) << other;
      EXPECT_EQ(other.find("muggled"), std::string::npos) << other;
      EXPECT_EQ(connection(other), "connection 1");
    }
  }
  const auto handshake = curl("--http1.1 -H 'Upgrade: websocket' -H 'Connection: Upgrade'");
  EXPECT_NE(handshake.find("Upgrade: websocket\r\nConnection: upgrade"), std::string::npos) << handshake;
}

}  // namespace
}  // namespace postern::gateway
