// The REST API over real TLS, where it listens, and what a gateway has at its first start.
#include "gateway/shell/api_listener.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/json.hpp>

#include "base/file.h"
#include "base/text.h"
#include "gateway/api/api.h"
#include "gateway/cli/fake_operations.h"
#include "gateway/config/api_key.h"
#include "gateway/config/secret.h"
#include "gateway/shell/device.h"
#include "gateway/shell/first_admin.h"
#include "net/client.h"
#include "pki/authority.h"
#include "pki/certificate.h"

namespace postern::gateway {
namespace {

class LoopOperations final : public cli::FakeOperations {
 public:
  explicit LoopOperations(net::Loop& loop) : loop_(loop) {}
  void offload(std::function<void()> blocking, std::function<void()> done) override {
    loop_.offload(std::move(blocking), std::move(done));
  }

 private:
  net::Loop& loop_;
};

class ApiListenerTest : public testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/postern-api-XXXXXX";
    dir_ = ::mkdtemp(pattern);
    auto device = load_device(dir_, clock_.now().wall, random_);
    ASSERT_TRUE(device) << device.error().message;
    device_ = std::move(*device);
  }
  void TearDown() override {
    listener_.reset();
    std::filesystem::remove_all(dir_);
  }
  void listen(std::uint16_t configured = 0) {
    listener_ = std::make_unique<ApiListener>(loop_,
                                              ApiListener::Options{{*IpAddress::parse("127.0.0.1"), 0},
                                                                   {device_.server_chain_pem, device_.server_key_pem},
                                                                   dir_ / "runtime.json",
                                                                   device_.serial},
                                              [this](net::HttpRequest request, net::HttpResponder respond) {
                                                api_.handle(std::move(request), std::move(respond));
                                              },
                                              [this](int status, const Error& error) {
                                                return api_.refuse(status, error);
                                              });
    ASSERT_TRUE(listener_->begin(configured));
  }
  Result<net::HttpResponse> ask(std::uint16_t port, net::HttpRequest request) {
    net::Target target;
    target.host = "localhost";
    target.port = port;
    const auto chain = pki::certificates_from_pem(device_.server_chain_pem);
    target.tls.roots_pem = pki::to_pem(chain->back());
    target.tls.server_name = "localhost";
    target.tls.alpn = "http/1.1";
    std::optional<Result<net::HttpResponse>> got;
    const auto asking = net::http_request(loop_, target, std::move(request), [&](Result<net::HttpResponse> reply) {
      got = std::move(reply);
      loop_.stop();
    });
    const auto guard = loop_.after(std::chrono::seconds(20), [&] { loop_.stop(); });
    loop_.run();
    return got ? std::move(*got) : fail(ErrorCode::kDeadlineExceeded, "no answer");
  }
  net::HttpRequest with_token(std::string method, std::string path, std::string body = "") {
    net::HttpRequest request;
    request.method = std::move(method);
    request.path = std::move(path);
    request.body = std::move(body);
    request.headers.add("Authorization", "Bearer " + token_);
    return request;
  }
  boost::json::object runtime() {
    const auto text = read_file(dir_ / "runtime.json", 4096);
    return text ? boost::json::parse(*text).as_object() : boost::json::object();
  }

  std::filesystem::path dir_;
  SystemClock clock_;
  SystemRandom random_;
  Device device_;
  net::Loop loop_;
  LoopOperations operations_{loop_};
  std::unique_ptr<config::ConfigStore> store_ = config::ConfigStore::in_memory(config::gateway_schema());
  std::string token_ = *config::generate_api_key(*store_, "tests", random_);
  Api api_{*store_, operations_, clock_, random_};
  std::unique_ptr<ApiListener> listener_;
};

TEST_F(ApiListenerTest, AnswersOverTlsWithTheDevicesOwnChain) {
  listen();
  const auto status = ask(listener_->port(), with_token("GET", "/api/v2/monitor/system/status"));
  ASSERT_TRUE(status) << status.error().message;
  EXPECT_EQ(status->status, 200);
  const auto put = ask(listener_->port(), with_token("PUT", "/api/v2/cmdb/system/global", R"({"hostname":"gw9"})"));
  ASSERT_TRUE(put) << put.error().message;
  EXPECT_EQ(put->status, 200);
  EXPECT_EQ(store_->current()->single("system global").text("hostname"), "gw9");
  token_ = "wrong";
  const auto refused = ask(listener_->port(), with_token("GET", "/api/v2/monitor/system/status"));
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 401);
}

TEST_F(ApiListenerTest, TheFirstAdministratorSignsInAndPasswordsAreHashedElsewhere) {
  ASSERT_TRUE(ensure_administrator(*store_, dir_, random_));
  listen();
  net::HttpRequest request;
  request.method = "POST";
  request.path = "/api/v2/authentication";
  const auto password = read_file(dir_ / "initial-password", 256);
  request.body = R"({"username":"admin","secretkey":")" + std::string(trim(*password)) + "\"}";
  auto reply = ask(listener_->port(), request);
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->status, 200) << reply->body;
  EXPECT_EQ(reply->headers.count("Set-Cookie"), 2u);
  request.body = R"({"username":"admin","secretkey":"wrong"})";
  reply = ask(listener_->port(), request);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 401);
}

TEST_F(ApiListenerTest, PresentsTheCertificateThatIsConfigured) {
  listen();
  const pki::Validity validity{clock_.now().wall - std::chrono::hours(1), clock_.now().wall + std::chrono::hours(24)};
  const auto root = pki::make_root("Company CA", "Company", validity, random_);
  const auto server = pki::make_server(root, "gateway", {"localhost"}, validity, random_);
  const std::string chain = pki::to_pem(server.certificate) + pki::to_pem(root.certificate);
  const auto file = dir_ / "company.pem";
  ASSERT_TRUE(write_file_atomic(file, chain));

  config::GatewayConfig config;
  config.certificates.push_back({"company", file.native(), server.key.to_pem()});
  config.global.admin_certificate = "company";
  auto identity = api_identity(config, device_);
  ASSERT_TRUE(identity) << identity.error().message;
  EXPECT_EQ(identity->chain_pem, chain);
  ASSERT_TRUE(listener_->present(*identity));
  const auto asked = with_token("GET", "/api/v2/monitor/system/status");
  EXPECT_FALSE(ask(listener_->port(), asked)) << "the device's own root vouches for it no longer";
  std::swap(device_.server_chain_pem, identity->chain_pem);  // whom `ask` trusts
  ASSERT_TRUE(ask(listener_->port(), asked));

  // One that is not good is refused, and what was presented before stays; also on another port.
  EXPECT_FALSE(listener_->present({chain, device_.server_key_pem}));
  EXPECT_TRUE(ask(listener_->port(), asked));
  // Nor one that TLS doesn't take: its key is too weak, or another's.
  auto weak = config;
  weak.certificates[0].private_key = device_.server_key_pem;
  EXPECT_FALSE(api_identity(weak, device_));
  std::filesystem::remove(file);
  const auto gone = api_identity(config, device_);
  ASSERT_FALSE(gone);
  EXPECT_NE(gone.error().message.find("certificate local company"), std::string::npos);
}

TEST_F(ApiListenerTest, SaysWhereItListensAndMoves) {
  listen();
  const auto first = listener_->port();
  EXPECT_EQ(runtime().at("https_port"), first);
  EXPECT_EQ(runtime().at("serial"), device_.serial.str().c_str());
  EXPECT_EQ(runtime().at("pid"), ::getpid());

  // A port that somebody has is refused before anything changes.
  auto other = net::Server::listen_plain(
      loop_, *IpAddress::parse("127.0.0.1"), 0, [](net::HttpRequest, net::HttpResponder) {}, nullptr);
  ASSERT_TRUE(other);
  const auto taken = (*other)->port();
  EXPECT_FALSE(listener_->prepare(taken));
  ASSERT_TRUE(listener_->use_prepared());
  EXPECT_EQ(listener_->port(), first);

  other->reset();
  ASSERT_TRUE(listener_->prepare(taken));
  EXPECT_EQ(listener_->port(), first);
  ASSERT_TRUE(listener_->use_prepared());
  EXPECT_EQ(listener_->port(), taken);
  EXPECT_EQ(runtime().at("https_port"), taken);
  EXPECT_TRUE(ask(taken, with_token("GET", "/api/v2/monitor/system/status")));
  ASSERT_TRUE(listener_->prepare(taken));  // nothing new
  ASSERT_TRUE(listener_->use_prepared());
  EXPECT_EQ(listener_->port(), taken);
  listener_.reset();
  EXPECT_FALSE(std::filesystem::exists(dir_ / "runtime.json"));
}

TEST_F(ApiListenerTest, APortThatItLeftIsItsOwnToTakeBackAtOnce) {
  listen();
  const auto first = listener_->port();
  auto second = net::Server::listen_plain(
      loop_, *IpAddress::parse("127.0.0.1"), 0, [](net::HttpRequest, net::HttpResponder) {}, nullptr);
  ASSERT_TRUE(second);
  const auto free = (*second)->port();
  second->reset();
  for (const auto port : {free, first, free, first}) {
    const auto prepared = listener_->prepare(port);
    ASSERT_TRUE(prepared) << prepared.error().message;
    ASSERT_TRUE(listener_->use_prepared());
    EXPECT_EQ(listener_->port(), port);
    EXPECT_EQ(runtime().at("https_port"), port);
    EXPECT_TRUE(ask(port, with_token("GET", "/api/v2/monitor/system/status")));
  }
  // What was prepared and not used changes nothing.
  ASSERT_TRUE(listener_->prepare(free));
  ASSERT_TRUE(listener_->prepare(first));
  ASSERT_TRUE(listener_->use_prepared());
  EXPECT_EQ(listener_->port(), first);
}

TEST_F(ApiListenerTest, APortThatIsTakenAtTheStartIsWaitedFor) {
  auto other = net::Server::listen_plain(
      loop_, *IpAddress::parse("127.0.0.1"), 0, [](net::HttpRequest, net::HttpResponder) {}, nullptr);
  ASSERT_TRUE(other);
  const auto taken = (*other)->port();
  ASSERT_TRUE(write_file_atomic(dir_ / "runtime.json", "{}"));
  listen(taken);
  ASSERT_FALSE(listener_->health());
  for (const char* part : {"Address already in use", "set admin-sport <port>"}) {
    EXPECT_NE(listener_->health().error().message.find(part), std::string::npos) << listener_->health().error().message;
  }
  EXPECT_EQ(listener_->port(), taken) << "nothing else is to take it";
  EXPECT_FALSE(std::filesystem::exists(dir_ / "runtime.json"));
  ASSERT_TRUE(listener_->prepare(taken)) << "other changes of the configuration go on";
  ASSERT_TRUE(listener_->use_prepared());
  ASSERT_TRUE(listener_->present({device_.server_chain_pem, device_.server_key_pem}));

  other->reset();
  auto look = loop_.every(std::chrono::milliseconds(5), [&] {
    if (listener_->health()) loop_.stop();
  });
  loop_.run();
  look.cancel();
  EXPECT_EQ(runtime().at("https_port"), taken);
  EXPECT_TRUE(ask(taken, with_token("GET", "/api/v2/monitor/system/status")));
}

TEST_F(ApiListenerTest, AnotherPortEndsTheWaiting) {
  auto other = net::Server::listen_plain(
      loop_, *IpAddress::parse("127.0.0.1"), 0, [](net::HttpRequest, net::HttpResponder) {}, nullptr);
  ASSERT_TRUE(other);
  listen((*other)->port());
  ASSERT_FALSE(listener_->health());
  ASSERT_TRUE(listener_->prepare(0));
  ASSERT_TRUE(listener_->use_prepared());
  EXPECT_TRUE(listener_->health());
  EXPECT_TRUE(ask(listener_->port(), with_token("GET", "/api/v2/monitor/system/status")));
}

TEST(ListenAddress, IsAnAddressAndAPort) {
  EXPECT_EQ(parse_listen_address("0.0.0.0:8444")->port, 8444);
  EXPECT_EQ(parse_listen_address("127.0.0.1:0")->port, 0);
  EXPECT_EQ(parse_listen_address("[::1]:8444")->ip, *IpAddress::parse("::1"));
  for (const char* wrong :
       {"", ":", "8444", "localhost:8444", "0.0.0.0", "0.0.0.0:", "0.0.0.0:70000", "0.0.0.0:x", "[::]"}) {
    EXPECT_FALSE(parse_listen_address(wrong)) << wrong;
  }
}

TEST_F(ApiListenerTest, TheFirstStartMakesOneAdministratorThatOnlyRootKnows) {
  ASSERT_TRUE(ensure_administrator(*store_, dir_, random_));
  struct stat info {};
  ASSERT_EQ(::stat((dir_ / "initial-password").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  const std::string password(trim(*read_file(dir_ / "initial-password", 256)));
  EXPECT_GE(password.size(), 20u);
  const auto hash = store_->current()->entries("system admin").front().text("password");
  EXPECT_TRUE(config::verify_secret(hash, password));
  // There is one now.
  ASSERT_TRUE(ensure_administrator(*store_, dir_, random_));
  EXPECT_EQ(store_->current()->entries("system admin").front().text("password"), hash);
  // Cut off between the file and the configuration: the password that stands in the file is taken.
  const auto fresh = config::ConfigStore::in_memory(config::gateway_schema());
  ASSERT_TRUE(ensure_administrator(*fresh, dir_, random_));
  EXPECT_TRUE(config::verify_secret(fresh->current()->entries("system admin").front().text("password"), password));
  // It stays as long as it lets somebody in.
  drop_initial_password(dir_, hash);
  EXPECT_TRUE(std::filesystem::exists(dir_ / "initial-password"));
  drop_initial_password(dir_, config::hash_password("another password", random_));
  EXPECT_FALSE(std::filesystem::exists(dir_ / "initial-password"));
  drop_initial_password(dir_, hash);
}

}  // namespace
}  // namespace postern::gateway
