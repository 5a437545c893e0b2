// The whole program on real sockets: enrolment, telemetry and fabric over TLS, a restart, and what is refused.
#include "ems/shell/shell.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <boost/json.hpp>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <optional>
#include <thread>

#include <fmt/format.h>

#include "base/file.h"
#include "base/text.h"
#include "ems/api/password.h"
#include "ems/core/ems_core.h"
#include "ems/shell/prepare.h"
#include "ems/store/store.h"
#include "net/client.h"
#include "net/server.h"
#include "pki/authority.h"
#include "pki/certificate.h"
#include "proto/fact_codec.h"
#include "proto/invitation.h"
#include "wire/fabric.pb.h"
#include "wire/telemetry.pb.h"

namespace postern::ems {
namespace {

using namespace std::chrono_literals;

std::string text_of(ByteView bytes) { return std::string(as_text(bytes)); }
Bytes bytes_of(const google::protobuf::MessageLite& m) {
  const auto text = m.SerializeAsString();
  return Bytes(text.begin(), text.end());
}

/// The machine's, whose date can be moved.
class DatedClock final : public Clock {
 public:
  Now now() const override {
    Now out = SystemClock().now();
    out.wall += std::chrono::hours(24) * days_.load();
    return out;
  }
  void move(int days) { days_ += days; }

 private:
  std::atomic<int> days_{0};
};

class ShellTest : public ::testing::Test {
 protected:
  ShellTest() {
    std::string name = (std::filesystem::temp_directory_path() / "postern-ems-XXXXXX").string();
    directory_ = ::mkdtemp(name.data());
    options_.data_dir = directory_ / "data";
    options_.https = options_.telemetry = *parse_listen_address("127.0.0.1:0");
  }
  ~ShellTest() override {
    if (thread_.joinable()) stop();
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }

  /// Makes the EMS and an invitation, before anything listens.
  std::string invite() {
    SystemRandom random;
    const SystemClock clock;
    auto store = prepare_store(options_.data_dir, random, clock.now(), {"127.0.0.1"});
    EXPECT_TRUE(store) << (store ? "" : store.error().message);
    EmsCore core(**store, random, {});
    EXPECT_TRUE(core.start(clock.now()));
    core.set_public_addresses({"127.0.0.1:8013"});
    std::string text;
    core.create_invitation(clock.now(), {"test", ""}, Seconds(3600), 1, "",
                           [&](Result<EmsCore::InvitationMade> made) { text = made->invitation; });
    core.flush(clock.now());
    for (auto& action : core.take_actions()) {
      if (auto* complete = std::get_if<act::Complete>(&action)) complete->call();
    }
    return text;
  }

  void start() {
    std::error_code ignored;
    std::filesystem::remove(options_.data_dir / "runtime.json", ignored);
    thread_ = std::thread([this] { status_ = run_ems(options_); });
    wait([this] { return std::filesystem::exists(options_.data_dir / "runtime.json"); });
    const auto text = read_file(options_.data_dir / "runtime.json", 4096);
    ASSERT_TRUE(text);
    const auto runtime = boost::json::parse(*text).as_object();
    https_port_ = static_cast<std::uint16_t>(runtime.at("https_port").as_int64());
    telemetry_port_ = static_cast<std::uint16_t>(runtime.at("telemetry_port").as_int64());
  }
  int stop() {
    ::kill(::getpid(), SIGTERM);
    thread_.join();
    return status_;
  }

  void wait(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (!condition()) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "it did not happen";
      turn(5ms);
    }
  }
  /// Lets the client's loop run for a moment.
  void turn(std::chrono::milliseconds time) {
    auto end = loop_.after(time, [this] { loop_.stop(); });
    loop_.run();
  }

  net::Target target(std::uint16_t port, const std::string& alpn) {
    net::Target out;
    out.host = "127.0.0.1";
    out.port = port;
    out.tls.alpn = alpn;
    out.tls.check_name = false;
    out.tls.accept_peer = [](const net::PeerIdentity&) { return true; };
    return out;
  }
  /// A request to the API, as a browser with this cookie and CSRF token sends it.
  net::HttpResponse api(const std::string& path, const std::string& body, const std::string& cookie = {},
                        const std::string& csrf_token = {}, const char* method = "POST") {
    net::HttpRequest http;
    http.method = method;
    http.path = path;
    http.body = body;
    if (!cookie.empty()) http.headers.add("Cookie", cookie);
    if (!csrf_token.empty()) http.headers.add("X-CSRF-Token", csrf_token);
    std::optional<Result<net::HttpResponse>> reply;
    auto call = net::http_request(loop_, target(https_port_, "http/1.1"), http,
                                  [&](Result<net::HttpResponse> r) { reply = std::move(r); });
    wait([&] { return reply.has_value(); });
    EXPECT_TRUE(reply->has_value()) << (reply->has_value() ? "" : reply->error().message);
    return reply->has_value() ? **reply : net::HttpResponse{};
  }
  wire::EnrolResponse enrol(const pki::PrivateKey& key, const std::string& code) {
    wire::EnrolRequest request;
    request.set_code(code);
    request.set_csr_der(text_of(pki::make_request(key)));
    request.set_host_name("host");
    net::HttpRequest http;
    http.method = "POST";
    http.path = "/enrol";
    http.body = request.SerializeAsString();
    std::optional<Result<net::HttpResponse>> reply;
    auto call = net::http_request(loop_, target(telemetry_port_, "postern-enrol/1"), http,
                                  [&](Result<net::HttpResponse> r) { reply = std::move(r); });
    wait([&] { return reply.has_value(); });
    wire::EnrolResponse response;
    EXPECT_TRUE(reply->has_value()) << (reply->has_value() ? "" : reply->error().message);
    if (reply->has_value()) {
      EXPECT_TRUE(response.ParseFromString((*reply)->body));
    }
    return response;
  }
  /// Who enrolled so, at the telemetry port.
  net::Target agent(const wire::EnrolResponse& enrolled, const pki::PrivateKey& key) {
    auto out = target(telemetry_port_, "postern-telemetry/1");
    std::string chain;
    for (const auto& der : enrolled.chain_der()) chain += pki::to_pem(as_bytes(der));
    out.tls.identity = net::TlsIdentity{chain, key.to_pem()};
    return out;
  }
  /// Says hello, and returns the answer once it is there.
  wire::Welcome greet(net::WebSocket& socket, const wire::EnrolResponse& enrolled, std::uint64_t last_acked = 0) {
    wire::TelemetryFrame frame;
    frame.mutable_hello()->set_uid(enrolled.uid());
    frame.mutable_hello()->set_run_id(1);
    frame.mutable_hello()->set_last_acked_seq(last_acked);
    socket.send(bytes_of(frame));
    wait([&] { return find<wire::TelemetryFrame>([](const auto& f) { return f.has_welcome(); }, frame) != nullptr; });
    return frame.welcome();
  }
  /// A first report, until it is acknowledged.
  void report(net::WebSocket& socket) {
    wire::TelemetryFrame frame;
    frame.mutable_report()->set_seq(1);
    frame.mutable_report()->set_full(true);
    proto::encode_fact("os.family", {std::string("linux"), {}, "test"}, *frame.mutable_report()->add_facts());
    socket.send(bytes_of(frame));
    wait([&] {
      return find<wire::TelemetryFrame>([](const auto& f) { return f.has_ack() && f.ack().seq() == 1; }, frame) != nullptr;
    });
  }
  Result<net::WebSocketPtr> open(net::Target to, const std::string& path) {
    std::optional<Result<net::WebSocketPtr>> reply;
    auto call = net::open_websocket(loop_, std::move(to), path, [&](Result<net::WebSocketPtr> r) {
      if (r) {
        (*r)->on_message = [this](ByteView bytes) { messages_.push_back(text_of(bytes)); };
        (*r)->on_close = [this](std::uint16_t, std::string) { closed_ = true; };
      }
      reply = std::move(r);
    });
    wait([&] { return reply.has_value(); });
    return *reply;
  }
  template <class Frame>
  const Frame* find(std::function<bool(const Frame&)> wanted, Frame& out) {
    for (const auto& text : messages_) {
      if (out.ParseFromString(text) && wanted(out)) return &out;
    }
    return nullptr;
  }

  std::filesystem::path directory_;
  ShellOptions options_;
  std::thread thread_;
  int status_ = -1;
  std::uint16_t https_port_ = 0, telemetry_port_ = 0;
  net::Loop loop_;
  std::vector<std::string> messages_;
  bool closed_ = false;
};

TEST_F(ShellTest, AnAgentEnrolsAndReportsOverMutualTlsAndWhatWasAcknowledgedSurvives) {
  const auto invitation = proto::parse_invitation(invite());
  ASSERT_TRUE(invitation);
  struct stat info;
  ASSERT_EQ(::stat((options_.data_dir / kInitialPasswordFile).c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  start();
  const auto key = pki::PrivateKey::generate();
  EXPECT_EQ(enrol(key, "wrong").error_code(), "permission_denied");
  const auto enrolled = enrol(key, invitation->code);
  ASSERT_EQ(enrolled.error_code(), "") << enrolled.error_message();

  EXPECT_FALSE(open(target(telemetry_port_, "postern-telemetry/1"), "/telemetry"));  // without a certificate
  auto at = agent(enrolled, key);
  EXPECT_FALSE(open(at, "/elsewhere"));
  auto socket = open(at, "/telemetry");
  ASSERT_TRUE(socket) << socket.error().message;
  // The listener proves itself by the key that the invitation names.
  const auto& shown = (*socket)->peer().chain_der;
  ASSERT_GE(shown.size(), 2u);
  EXPECT_EQ(pki::parse_certificate(shown.back())->public_key_sha256, invitation->root_key_sha256);

  EXPECT_TRUE(greet(**socket, enrolled).full_report_wanted());
  report(**socket);

  // An orderly end says goodbye, with a time to come back.
  std::thread stopper([] { ::kill(::getpid(), SIGTERM); });
  wait([&] { return closed_; });
  stopper.join();
  thread_.join();
  EXPECT_EQ(status_, 0);
  wire::TelemetryFrame frame;
  ASSERT_NE(find<wire::TelemetryFrame>([](const auto& f) { return f.has_goodbye(); }, frame), nullptr);
  EXPECT_EQ(frame.goodbye().reason(), "shutting_down");
  EXPECT_GT(frame.goodbye().retry_after_ms(), 0u);
  EXPECT_FALSE(std::filesystem::exists(options_.data_dir / "runtime.json"));

  messages_.clear();
  start();
  at.port = telemetry_port_;
  socket = open(at, "/telemetry");
  ASSERT_TRUE(socket) << socket.error().message;
  EXPECT_FALSE(greet(**socket, enrolled, 1).full_report_wanted());
  (*socket)->abort();
  EXPECT_EQ(stop(), 0);
}

TEST_F(ShellTest, TheTelemetryCertificateIsRenewedWhileTheEmsRuns) {
  DatedClock clock;
  options_.clock = &clock;
  const auto invitation = proto::parse_invitation(invite());
  start();
  const auto key = pki::PrivateKey::generate();
  const auto enrolled = enrol(key, invitation->code);
  ASSERT_EQ(enrolled.error_code(), "") << enrolled.error_message();
  const auto at = agent(enrolled, key);
  auto socket = open(at, "/telemetry");
  ASSERT_TRUE(socket) << socket.error().message;
  const auto before = (*socket)->peer().chain_der;
  greet(**socket, enrolled);

  clock.move(680);
  // New connections are shown the new one, under the root that invitations name.
  std::vector<Bytes> after;
  wait([&] {
    auto again = open(at, "/telemetry");
    if (!again) return false;
    after = (*again)->peer().chain_der;
    (*again)->abort();
    return after.front() != before.front();
  });
  ASSERT_EQ(after.size(), 2u);
  EXPECT_EQ(after.back(), before.back());
  const std::vector<Bytes> roots{after.back()};
  EXPECT_TRUE(pki::verify_chain(after.front(), {}, roots, pki::Purpose::kServer, clock.now().wall));
  // The open connection goes on.
  report(**socket);
  (*socket)->abort();
  EXPECT_EQ(stop(), 0);
}

TEST_F(ShellTest, AGatewayIsHeardOnTheHttpsPortUnderItsOwnProtocolOnly) {
  invite();
  start();
  SystemRandom random;
  const auto device = pki::make_device(pki::PrivateKey::generate(), GatewaySerial("PGW0000000000001"),
                                       {from_unix_ms(0), from_unix_ms(4'000'000'000'000)}, random);
  auto gateway = target(https_port_, "postern-fabric/1");
  EXPECT_FALSE(open(gateway, "/fabric"));  // without a certificate
  gateway.tls.identity = net::TlsIdentity{pki::to_pem(device.certificate), device.key.to_pem()};
  auto browser = gateway;
  browser.tls.alpn = "http/1.1";
  EXPECT_FALSE(open(browser, "/fabric"));
  auto socket = open(gateway, "/fabric");
  ASSERT_TRUE(socket) << socket.error().message;
  wire::FabricFrame frame;
  frame.mutable_hello()->set_serial("PGW0000000000001");
  (*socket)->send(bytes_of(frame));
  wait([&] { return find<wire::FabricFrame>([](const auto& f) { return f.has_status(); }, frame) != nullptr; });
  EXPECT_EQ(frame.status().state(), wire::FabricStatus::PENDING);
  EXPECT_TRUE(frame.status().ztna_ca_der().empty());
  (*socket)->abort();
  EXPECT_EQ(stop(), 0);
}

TEST_F(ShellTest, TheInitialPasswordsFileGoesWhenThePasswordIsAnotherOne) {
  invite();
  const auto file = options_.data_dir / kInitialPasswordFile;
  const std::string password(trim(*read_file(file, 256)));
  start();
  const auto in = api("/api/v1/auth/signin", R"({"name":"admin","password":")" + password + "\"}");
  ASSERT_EQ(in.status, 200) << in.body;
  const auto set = *in.headers.find("Set-Cookie");
  const auto csrf = std::string(boost::json::parse(in.body).at("csrf_token").as_string());
  EXPECT_TRUE(std::filesystem::exists(file));
  const auto done = api("/api/v1/auth/password",
                        R"({"old_password":")" + password + R"(","new_password":"words-of-my-own"})",
                        set.substr(0, set.find(';')), csrf);
  ASSERT_EQ(done.status, 204) << done.body;
  wait([&] { return !std::filesystem::exists(file); });
  EXPECT_EQ(stop(), 0);
  // Killed between the change and the removal: the next start finds it.
  ASSERT_TRUE(write_file_atomic(file, password + "\n", 0600));
  start();
  wait([&] { return !std::filesystem::exists(file); });
  EXPECT_EQ(stop(), 0);
  // From the command line too.
  ASSERT_TRUE(write_file_atomic(file, password + "\n", 0600));
  EXPECT_EQ(reset_password(options_.data_dir, "admin"), 0);
  EXPECT_FALSE(std::filesystem::exists(file));
}

TEST_F(ShellTest, AFeedIsFetchedFromWhereAnAdministratorSaysAndIsThereAfterARestart) {
  options_.keep_initial_password = true;
  auto feeds = net::Server::listen_plain(
      loop_, *IpAddress::parse("127.0.0.1"), 0,
      [](net::HttpRequest, net::HttpResponder respond) {
        respond({200, {}, "#model_version:v1,score_date:2025-08-25\ncve,epss,percentile\nCVE-2024-0001,0.5,0.5\n"});
      },
      nullptr);
  ASSERT_TRUE(feeds) << feeds.error().message;
  const auto address = fmt::format("http://127.0.0.1:{}/epss.csv", (*feeds)->port());
  std::string cookie, csrf;
  const auto sign_in = [&] {
    const auto password = std::string(trim(*read_file(options_.data_dir / kInitialPasswordFile, 4096)));
    const auto in = api("/api/v1/auth/signin", R"({"name":"admin","password":")" + password + "\"}");
    ASSERT_EQ(in.status, 200) << in.body;
    const auto set = *in.headers.find("Set-Cookie");
    cookie = set.substr(0, set.find(';'));
    csrf = std::string(boost::json::parse(in.body).at("csrf_token").as_string());
  };
  const auto show = [&] {
    return boost::json::parse(api("/api/v1/feeds/epss", "", cookie, csrf, "GET").body).as_object();
  };
  start();
  sign_in();
  const auto made = api("/api/v1/feeds", R"({"name":"epss","url":")" + address + "\"}", cookie, csrf);
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(boost::json::parse(made.body).at("state"), "fetching");
  wait([&] { return show().at("in_use") == true; });
  EXPECT_EQ(show().at("kind"), "epss");
  EXPECT_EQ(show().at("marks"), 1);
  EXPECT_EQ(stop(), 0);
  feeds->reset();
  start();
  sign_in();
  EXPECT_EQ(api("/api/v1/feeds/epss/refresh", "", cookie, csrf).status, 202);
  wait([&] { return show().at("state") == "failed"; });
  EXPECT_EQ(show().at("in_use"), true);
  EXPECT_EQ(stop(), 0);
}

TEST_F(ShellTest, TheInitialPasswordsFileStaysWhileItLetsSomebodyInAndNeverInTheWay) {
  ASSERT_TRUE(make_directories(options_.data_dir));
  const auto file = options_.data_dir / kInitialPasswordFile;
  const auto hash = *hash_password("as-it-was-made");
  drop_initial_password(file, hash);  // none
  ASSERT_TRUE(write_file_atomic(file, "as-it-was-made\n", 0600));
  drop_initial_password(file, hash);
  EXPECT_TRUE(std::filesystem::exists(file));
  drop_initial_password(file, *hash_password("another-one"));
  EXPECT_FALSE(std::filesystem::exists(file));
  ASSERT_TRUE(write_file_atomic(file, "as-it-was-made\n", 0600));
  drop_initial_password(file, "");  // the administrator is gone
  EXPECT_FALSE(std::filesystem::exists(file));
  // What can't be read or removed, not even by root, is only said.
  ASSERT_TRUE(make_directories(file));
  drop_initial_password(file, hash);
  EXPECT_TRUE(std::filesystem::exists(file));
  drop_initial_password("/proc/version", hash);
  EXPECT_TRUE(std::filesystem::exists("/proc/version"));
}

TEST_F(ShellTest, SaysWhyItCanNotStart) {
  invite();
  start();
  ShellOptions second = options_;
  EXPECT_EQ(run_ems(second), 1);  // the database is in use
  ShellOptions taken = options_;
  taken.data_dir = directory_ / "other";
  taken.https.port = https_port_;
  EXPECT_EQ(run_ems(taken), 1);   // the port is in use
  EXPECT_EQ(stop(), 0);
  EXPECT_EQ(reset_password(directory_ / "nowhere", "admin"), 1);
  EXPECT_EQ(reset_password(options_.data_dir, "nobody"), 1);
  EXPECT_EQ(reset_password(options_.data_dir, "admin"), 0);
}

TEST(ListenAddress, IsAnAddressAndAPort) {
  EXPECT_EQ(parse_listen_address("127.0.0.1:0")->port, 0);
  EXPECT_TRUE(parse_listen_address("[::1]:8443")->ip.is_v6());
  for (const auto* text : {"", "8443", "localhost:1", "127.0.0.1", "127.0.0.1:65536", "127.0.0.1:x"}) {
    EXPECT_FALSE(parse_listen_address(text)) << text;
  }
}

}  // namespace
}  // namespace postern::ems
