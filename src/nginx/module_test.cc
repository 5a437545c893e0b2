// The module in a real nginx: who gets in, who doesn't and why, and how an open session ends.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <sstream>
#include <thread>

#include "nginx/lab_test.h"

namespace postern::nginx::lab {
namespace {

using ecshm::EventType;
using policy::Reason;

constexpr std::uint16_t kHealthy = 3;
constexpr std::uint16_t kVulnerable = 200;

class ModuleTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/postern-nginx-XXXXXX";
    dir_ = mkdtemp(name);
    plane_ = std::make_unique<Plane>(dir_ / "run");
    plane_->set_policies(policies());
    nginx_ = std::make_unique<Nginx>(dir_, server_ca_, ca_, application_.port());
    ASSERT_TRUE(wait_for([&] { return plane_->workers() == 1; })) << nginx_->log();
    device_ = ca_.issue("device-1", Usage::kClient);
    plane_->put(device_.leaf, healthy());
  }

  void TearDown() override {
    std::istringstream lines(nginx_ ? nginx_->log() : "");
    for (std::string line; std::getline(lines, line);) {
      // nginx says this by itself after a handshake whose certificate did not verify.
      if (line.find("ignoring stale global SSL error") != std::string::npos) continue;
      EXPECT_EQ(line.find("[alert]"), std::string::npos) << line;
      EXPECT_EQ(line.find("[crit]"), std::string::npos) << line;
    }
    nginx_.reset();
    plane_.reset();
    std::filesystem::remove_all(dir_);
  }

  static policy::PolicyTable policies() {
    policy::PolicyTable t;
    policy::ApiGateway all{.id = 1, .host = "", .url = "/", .pool = 1};
    policy::ApiGateway dead{.id = 2, .host = "", .url = "/dead", .pool = 0};
    t.proxies = {{1, "app", policy::EmptyCertAction::kBlock, {all, dead}},
                 {2, "open", policy::EmptyCertAction::kAccept, {all}},
                 {3, "manageable", policy::EmptyCertAction::kAcceptUnmanageable, {all}}};
    policy::Policy deny{.id = 10, .name = "no-vulnerable", .proxies = {1}, .sources = {}, .tags = {kVulnerable}};
    deny.action = policy::Action::kDeny;
    policy::Policy allow{.id = 11, .name = "healthy", .proxies = {1}, .sources = {}, .tags = {kHealthy}};
    policy::Policy open{.id = 12, .name = "mend", .proxies = {2, 3}, .sources = {}, .tags = {}};
    t.policies = {deny, allow, open};
    t.tags = {{kHealthy, "Telemetry-Connected", "Keep the Postern agent running.", false},
              {kVulnerable, "Vulnerable-Device", "Install the <important> updates.", false}};
    return t;
  }

  static ecshm::SlotData healthy() {
    ecshm::SlotData d;
    d.connector = 1;
    d.not_after = SystemClock().now().wall + std::chrono::hours(24);
    d.online = d.registered = true;
    d.tags.set(kHealthy);
    return d;
  }
  static ecshm::SlotData changed(const std::function<void(ecshm::SlotData&)>& how) {
    auto d = healthy();
    how(d);
    return d;
  }

  Response get(const Identity* who, const std::string& path = "/", const std::string& headers = "") {
    Client client(nginx_->port(), who, "app.example");
    return client.request("GET", path, "app.example", headers);
  }
  void expect_denied(const Response& r, Reason reason, int status = 403) {
    EXPECT_EQ(r.status, status) << r.head << r.body;
    EXPECT_EQ(r.header("X-Postern-Reason"), policy::reason_code(reason));
    const auto id = r.header("X-Postern-Denial");
    EXPECT_EQ(id.size(), 9u) << r.head;
    EXPECT_NE(r.body.find(id), std::string::npos);
    const auto event = plane_->wait_event([&](const ecshm::Event& e) { return e.id == id; });
    ASSERT_TRUE(event) << "denial " << id << " was not reported";
    EXPECT_EQ(event->type, EventType::kDenied);
    EXPECT_EQ(event->reason, reason);
  }

  /// Opens a download and reads until it flows.
  std::unique_ptr<Client> open_download() {
    auto client = std::make_unique<Client>(nginx_->port(), &device_, "app.example");
    client->send("GET /long HTTP/1.1\r\nHost: app.example\r\n\r\n");
    while (client->received() < 200'000 && client->end() == End::kOpen) client->read();
    EXPECT_GE(client->received(), 200'000u) << nginx_->log();
    return client;
  }
  std::unique_ptr<Client> open_websocket() {
    auto client = std::make_unique<Client>(nginx_->port(), &device_, "app.example");
    const auto response = client->request("GET", "/ws", "app.example", "Upgrade: websocket\r\nConnection: Upgrade\r\n");
    EXPECT_EQ(response.status, 101) << response.head << nginx_->log();
    client->send("ping");
    EXPECT_EQ(client->read(), "ping");
    return client;
  }

  std::filesystem::path dir_;
  Authority server_ca_{"Web CA"};
  Authority ca_{"ZTNA CA"};
  Application application_;
  std::unique_ptr<Plane> plane_;
  std::unique_ptr<Nginx> nginx_;
  Identity device_;
};

TEST_F(ModuleTest, AllowsWithTheTagAndReports) {
  const auto r = get(&device_);
  EXPECT_EQ(r.status, 200) << r.head << r.body << nginx_->log();
  const auto event = plane_->wait_event([](const ecshm::Event& e) { return e.type == EventType::kAllowed; });
  ASSERT_TRUE(event);
  EXPECT_EQ(event->policy, 11u);
  EXPECT_EQ(event->leaf, device_.leaf);
  EXPECT_EQ(event->status, 200u);
}

TEST_F(ModuleTest, EachDenialHasItsReason) {
  expect_denied(get(nullptr), Reason::kEmptyCertificate);
  const Authority other("ZTNA CA");
  const auto foreign = other.issue("device-1", Usage::kClient);
  expect_denied(get(&foreign), Reason::kInvalidCertificate);
  const auto expired = ca_.issue("device-1", Usage::kClient, -7000, -60);
  expect_denied(get(&expired), Reason::kInvalidCertificate);
  const auto future = ca_.issue("device-1", Usage::kClient, 600, 7000);
  expect_denied(get(&future), Reason::kInvalidCertificate);
  const auto server = ca_.issue("device-1", Usage::kServer);
  expect_denied(get(&server), Reason::kInvalidCertificate);
  const auto unspecified = ca_.issue("device-1", Usage::kNone);
  plane_->put(unspecified.leaf, healthy());
  expect_denied(get(&unspecified), Reason::kInvalidCertificate);

  plane_->put(device_.leaf, changed([](auto& d) { d.tags.reset(kHealthy); }));
  expect_denied(get(&device_), Reason::kMissingTag);
  plane_->put(device_.leaf, changed([](auto& d) {
    d.tags.reset(kHealthy);
    d.unknown.set(kHealthy);
  }));
  expect_denied(get(&device_), Reason::kPostureUnknown);
  plane_->put(device_.leaf, changed([](auto& d) { d.tags.set(kVulnerable); }));
  expect_denied(get(&device_), Reason::kForbiddenTag);
  plane_->put(device_.leaf, changed([](auto& d) { d.unknown.set(kVulnerable); }));
  expect_denied(get(&device_), Reason::kPostureUnknown);
  plane_->put(device_.leaf, changed([](auto& d) { d.quarantined = true; }));
  expect_denied(get(&device_), Reason::kQuarantined);
  plane_->put(device_.leaf, changed([](auto& d) { d.online = false; }));
  expect_denied(get(&device_), Reason::kOffline);
  plane_->put(device_.leaf, changed([](auto& d) { d.blocked = true; }));
  expect_denied(get(&device_), Reason::kRevoked);
  plane_->put(device_.leaf, healthy());
  EXPECT_EQ(get(&device_).status, 200);
  expect_denied(get(&device_, "/dead"), Reason::kNoRealServer, 503);
}

TEST_F(ModuleTest, AsksForACertificateNotMetYet) {
  const auto fresh = ca_.issue("device-2", Usage::kClient);
  const auto nobody = ca_.issue("device-3", Usage::kClient);
  plane_->on_ask = [&](const Sha256& leaf) -> std::optional<ecshm::SlotData> {
    if (leaf == fresh.leaf) return healthy();
    return std::nullopt;
  };
  EXPECT_EQ(get(&fresh).status, 200);
  expect_denied(get(&nobody), Reason::kUnknownEndpoint);
  EXPECT_EQ(plane_->questions(), 2u);
  expect_denied(get(&nobody), Reason::kUnknownEndpoint);
  EXPECT_EQ(plane_->questions(), 2u) << "a negative answer is remembered";
  // Once it is known, what was remembered doesn't matter.
  plane_->put(nobody.leaf, healthy());
  EXPECT_EQ(get(&nobody).status, 200);
}

TEST_F(ModuleTest, CutsADownloadWhenTheTagIsLost) {
  auto client = open_download();
  plane_->put(device_.leaf, changed([](auto& d) { d.tags.reset(kHealthy); }));
  EXPECT_EQ(client->drain(), End::kReset) << nginx_->log();
  const auto event = plane_->wait_event([](const ecshm::Event& e) { return e.type == EventType::kCut; });
  ASSERT_TRUE(event);
  EXPECT_EQ(event->reason, Reason::kMissingTag);
  EXPECT_TRUE(event->tags.test(kHealthy));
  EXPECT_TRUE(wait_for([&] { return plane_->live_sessions() == 0; }));
}

TEST_F(ModuleTest, CutsAWebSocketWhenQuarantined) {
  auto client = open_websocket();
  EXPECT_TRUE(wait_for([&] { return plane_->live_sessions() == 1; }));
  plane_->put(device_.leaf, changed([](auto& d) { d.quarantined = true; }));
  EXPECT_EQ(client->drain(), End::kReset) << nginx_->log();
  EXPECT_TRUE(wait_for([&] { return plane_->live_sessions() == 0; }));
}

TEST_F(ModuleTest, CutsWhenTheLeaseRunsOutAndAllowsWhenItIsBack) {
  auto client = open_download();
  plane_->stop_lease();
  EXPECT_EQ(client->drain(), End::kReset) << nginx_->log();
  expect_denied(get(&device_), Reason::kStale);
  EXPECT_EQ(get(nullptr, "/open/x").status, 200) << "policies without tags carry no lease";
  plane_->resume_lease();
  EXPECT_EQ(get(&device_).status, 200);
}

TEST_F(ModuleTest, CutsInAWorkerThatAReloadIsShuttingDown) {
  auto download = open_download();
  auto websocket = open_websocket();
  nginx_->reload();
  websocket->send("still there");
  EXPECT_EQ(websocket->read(), "still there");
  plane_->put(device_.leaf, changed([](auto& d) { d.tags.set(kVulnerable); }));
  EXPECT_EQ(download->drain(), End::kReset) << nginx_->log();
  EXPECT_EQ(websocket->drain(), End::kReset) << nginx_->log();
  EXPECT_TRUE(wait_for([&] { return nginx_->worker_pids().size() == 1; })) << "the old worker ends with its last session";
}


TEST_F(ModuleTest, RefusesOtherHostsAndDoubtfulPaths) {
  Client client(nginx_->port(), &device_, "app.example");
  expect_denied(client.request("GET", "/", "other.example"), Reason::kHostMismatch, 421);
  for (const auto* path : {"//x", "/a/../b", "/a%2fb", "/%2e/x", "/./", "/a%5cb"}) {
    Client one(nginx_->port(), &device_, "app.example");
    expect_denied(one.request("GET", path, "app.example"), Reason::kPathNotCanonical, 400);
  }
  EXPECT_EQ(get(&device_, "/%2e%2e/x").status, 400) << "above the root: nginx itself says no";
  const auto before = application_.requests();
  Client port(nginx_->port(), &device_, "app.example");
  EXPECT_EQ(port.request("GET", "/a%20b?x=//y", "APP.example:443").status, 200) << "case and port make no other host";
  EXPECT_EQ(application_.requests(), before + 1);
}

TEST_F(ModuleTest, ClientsCannotSpeakForOthers) {
  const auto r = get(&device_, "/",
                     "X-SSL-Client-Verify: SUCCESS\r\nx-ssl-client-cert: abc\r\nClient-Cert: :abc:\r\nForwarded: for=1.2.3.4\r\n"
                     "X-Forwarded-For: 1.2.3.4\r\nX-Real-IP: 1.2.3.4\r\nX-Forwarded-Proto: http\r\nX-Remote-User: root\r\n"
                     "X-Harmless: yes\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAA\r\n");
  ASSERT_EQ(r.status, 200);
  for (const auto* gone : {"SUCCESS", "abc", "1.2.3.4", "Forwarded: for", "root", "h2c"}) {
    EXPECT_EQ(r.body.find(gone), std::string::npos) << gone << "\n" << r.body;
  }
  EXPECT_NE(r.body.find("X-Harmless: yes"), std::string::npos) << r.body;
  EXPECT_NE(r.body.find("X-Forwarded-For: 127.0.0.1"), std::string::npos);
}

TEST_F(ModuleTest, ThePageTellsWhatToDoAndNothingElse) {
  plane_->put(device_.leaf, changed([](auto& d) { d.tags.set(kVulnerable); }));
  auto page = get(&device_);
  EXPECT_EQ(page.header("Content-Type"), "text/html; charset=utf-8");
  EXPECT_EQ(page.header("Cache-Control"), "no-store");
  EXPECT_NE(page.header("Content-Security-Policy").find("default-src 'none'"), std::string::npos);
  EXPECT_NE(page.body.find("Install the &lt;important&gt; updates."), std::string::npos) << page.body;
  EXPECT_EQ(page.body.find("no-vulnerable"), std::string::npos) << "no policy names";
  EXPECT_NE(page.body.find("Check again"), std::string::npos);

  const auto json = get(&device_, "/", "Accept: application/json\r\n");
  EXPECT_EQ(json.header("Content-Type"), "application/json");
  EXPECT_NE(json.body.find(R"("code":"064","reason":"forbidden_tag")"), std::string::npos) << json.body;

  page = get(nullptr);
  EXPECT_EQ(page.body.find("updates"), std::string::npos) << "nothing of tags without a verified certificate";
  EXPECT_EQ(page.body.find("Telemetry"), std::string::npos);
}

TEST_F(ModuleTest, ThePageCanAskWhetherItWouldOpen) {
  Client client(nginx_->port(), &device_, "app.example");
  EXPECT_EQ(client.request("GET", "/.postern/check?path=%2Fx", "app.example").status, 204);
  plane_->put(device_.leaf, changed([](auto& d) { d.tags.reset(kHealthy); }));
  EXPECT_EQ(client.request("GET", "/.postern/check?path=%2Fx", "app.example").status, 403);
  EXPECT_EQ(client.request("GET", "/.postern/check?path=%2F..%2Fx", "app.example").status, 403);
  EXPECT_EQ(client.request("GET", "/.postern/check", "app.example").status, 403);
  EXPECT_EQ(application_.requests(), 0u);
}

TEST_F(ModuleTest, KeptConnectionsAreJudgedEachTime) {
  Client client(nginx_->port(), &device_, "app.example");
  EXPECT_EQ(client.request("GET", "/1", "app.example").status, 200);
  plane_->put(device_.leaf, changed([](auto& d) { d.tags.reset(kHealthy); }));
  EXPECT_EQ(client.request("GET", "/2", "app.example").status, 403) << "a lost tag leaves the idle connection open";
  plane_->put(device_.leaf, healthy());
  EXPECT_EQ(client.request("GET", "/3", "app.example").status, 200);
  plane_->put(device_.leaf, changed([](auto& d) { d.blocked = true; }));
  EXPECT_EQ(client.drain(), End::kReset) << "a revoked endpoint keeps no connection, not even an idle one";
}

TEST_F(ModuleTest, OpenProxiesAskNobody) {
  EXPECT_EQ(get(nullptr, "/open/enrol").status, 200);
  EXPECT_EQ(get(&device_, "/open/enrol").status, 200);
  const auto stranger = ca_.issue("stranger", Usage::kClient);
  EXPECT_EQ(get(&stranger, "/open/enrol").status, 200);
  EXPECT_EQ(get(nullptr, "/manageable/", "User-Agent: Mozilla/5.0 (iPhone; x)\r\n").status, 200);
  expect_denied(get(nullptr, "/manageable/", "User-Agent: Mozilla/5.0 (X11; Linux)\r\n"), Reason::kManageableEmpty);
}

TEST_F(ModuleTest, WhereAnyoneMayEnterABadCertificateIsNoReason) {
  const auto expired = ca_.issue("device-1", Usage::kClient, -7000, -60);
  Client renew(nginx_->open_port(), &expired, "app.example");
  const auto page = renew.request("GET", "/renew?step=1", "app.example");
  EXPECT_EQ(page.status, 200) << page.head << page.body << nginx_->log();
  EXPECT_NE(page.body.find("GET /renew?step=1"), std::string::npos) << page.body;
  Client post(nginx_->open_port(), &expired, "app.example");
  expect_denied(post.request("POST", "/renew", "app.example", "Content-Length: 0\r\n"), Reason::kInvalidCertificate);
}

TEST_F(ModuleTest, UnmanageableClientsStayWhenTheirSessionIsJudgedAgain) {
  Client phone(nginx_->port(), nullptr, "app.example");
  phone.send("GET /manageable/../long HTTP/1.1\r\nHost: app.example\r\n\r\n");
  EXPECT_EQ(phone.read_response().status, 400);
  Client client(nginx_->port(), nullptr, "app.example");
  client.send("GET /manageable/long HTTP/1.1\r\nHost: app.example\r\nUser-Agent: iPad\r\n\r\n");
  while (client.received() < 100'000 && client.end() == End::kOpen) client.read();
  plane_->set_policies(policies());
  const auto before = client.received();
  while (client.received() < before + 2'000'000 && client.end() == End::kOpen) client.read();
  EXPECT_EQ(client.end(), End::kOpen);
}

TEST_F(ModuleTest, AResumedSessionIsJudgedLikeAnyOther) {
  auto first = std::make_unique<Client>(nginx_->port(), &device_, "app.example");
  EXPECT_EQ(first->request("GET", "/", "app.example").status, 200);
  SSL_SESSION* session = first->session();
  first.reset();
  plane_->put(device_.leaf, changed([](auto& d) { d.blocked = true; }));
  Client second(nginx_->port(), &device_, "app.example", "", session);
  EXPECT_TRUE(second.resumed());
  expect_denied(second.request("GET", "/", "app.example"), Reason::kRevoked);
  SSL_SESSION_free(session);
}

TEST_F(ModuleTest, ACertificateThatExpiresEndsItsSessions) {
  const auto brief = ca_.issue("device-5", Usage::kClient, -60, 2);
  plane_->put(brief.leaf, healthy());
  Client client(nginx_->port(), &brief, "app.example");
  client.send("GET /long HTTP/1.1\r\nHost: app.example\r\n\r\n");
  EXPECT_EQ(client.drain(), End::kReset) << nginx_->log();
  const auto event = plane_->wait_event([](const ecshm::Event& e) { return e.type == EventType::kCut; });
  ASSERT_TRUE(event);
  EXPECT_EQ(event->reason, Reason::kInvalidCertificate);
}

TEST_F(ModuleTest, AChangedPolicyCutsWhatItNoLongerAllows) {
  auto client = open_websocket();
  auto table = policies();
  table.policies[1].tags = {kVulnerable};
  table.policies.erase(table.policies.begin());
  plane_->set_policies(table);
  EXPECT_EQ(client->drain(), End::kReset);
  const auto event = plane_->wait_event([](const ecshm::Event& e) { return e.type == EventType::kCut; });
  ASSERT_TRUE(event);
  EXPECT_EQ(event->reason, Reason::kMissingTag);
}

TEST_F(ModuleTest, AConnectorThatRunsOutEndsItsSessions) {
  auto client = open_websocket();
  plane_->change([](ecshm::Writer& w) { w.set_connector_valid_until(1, SystemClock().now().mono); });
  EXPECT_EQ(client->drain(), End::kReset);
  expect_denied(get(&device_), Reason::kStale);
}

TEST_F(ModuleTest, SessionsFindTheirSlotAgainAfterTheGatewayCameBack) {
  auto websocket = open_websocket();
  EXPECT_TRUE(wait_for([&] { return plane_->live_sessions() == 1; }));
  plane_->restart([&](ecshm::Writer& w) {
    // Others come first now, so that the slot has another number.
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(w.upsert(sha256("other " + std::to_string(i)), healthy()));
    ASSERT_TRUE(w.upsert(device_.leaf, healthy()));
  });
  EXPECT_TRUE(wait_for([&] { return plane_->live_sessions() == 1; })) << "told again";
  websocket->send("alive");
  EXPECT_EQ(websocket->read(), "alive");
  plane_->put(device_.leaf, changed([](auto& d) { d.tags.reset(kHealthy); }));
  EXPECT_EQ(websocket->drain(), End::kReset);
}

TEST_F(ModuleTest, ASessionWhoseSlotIsNotThereAgainIsAskedForFirst) {
  auto kept = open_websocket();
  const auto other = ca_.issue("device-9", Usage::kClient);
  plane_->put(other.leaf, healthy());
  auto lost = std::make_unique<Client>(nginx_->port(), &other, "app.example");
  EXPECT_EQ(lost->request("GET", "/ws", "app.example", "Upgrade: websocket\r\nConnection: Upgrade\r\n").status, 101);
  plane_->on_ask = [&](const Sha256& leaf) -> std::optional<ecshm::SlotData> {
    if (leaf == device_.leaf) return healthy();
    return std::nullopt;
  };
  plane_->restart([](ecshm::Writer&) {});
  EXPECT_EQ(lost->drain(), End::kReset);
  kept->send("alive");
  EXPECT_EQ(kept->read(), "alive");
  EXPECT_EQ(plane_->questions(), 2u);
}

TEST_F(ModuleTest, AnswersThatNeverComeEndInADenial) {
  const auto nobody = ca_.issue("device-3", Usage::kClient);
  plane_->mute();
  const auto begin = Clock::now();
  const auto r = get(&nobody);
  EXPECT_EQ(r.header("X-Postern-Reason"), "066");
  EXPECT_LT(Clock::now() - begin, std::chrono::seconds(3));
  EXPECT_GE(Clock::now() - begin, std::chrono::milliseconds(250));
}

// ---- HTTP/2

/// Just enough of HTTP/2: literal headers out, frames in.
class H2 {
 public:
  H2(int port, const Identity& who) : client_(port, &who, "app.example", "h2") {
    std::string hello = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    const std::string window("\x00\x04\x7f\xff\xff\xff", 6);  // SETTINGS_INITIAL_WINDOW_SIZE, the largest.
    hello += frame(4, 0, 0, window) + frame(8, 0, 0, std::string("\x7f\xff\x00\x00", 4));
    client_.send(hello);
  }
  void get(std::uint32_t stream, const std::string& path) {
    std::string block;
    for (const auto& [name, value] : std::vector<std::pair<std::string, std::string>>{
             {":method", "GET"}, {":scheme", "https"}, {":authority", "app.example"}, {":path", path}}) {
      block += std::string(1, '\0') + static_cast<char>(name.size()) + name + static_cast<char>(value.size()) + value;
    }
    client_.send(frame(1, 0x5, stream, block));
  }
  /// Reads until `done` or the connection ends.
  bool read_until(const std::function<bool()>& done) {
    const auto deadline = Clock::now() + kPatience;
    while (!done()) {
      if (Clock::now() > deadline || client_.end() != End::kOpen) return false;
      in_ += client_.read();
      take_frames();
    }
    return true;
  }
  struct Stream {
    std::size_t data = 0;
    bool reset = false, ended = false, headers = false;
  };
  std::map<std::uint32_t, Stream> streams;
  Client& client() { return client_; }

 private:
  static std::string frame(int type, int flags, std::uint32_t stream, const std::string& payload) {
    std::string out;
    for (const int shift : {16, 8, 0}) out += static_cast<char>(payload.size() >> shift & 255);
    out += static_cast<char>(type);
    out += static_cast<char>(flags);
    for (const int shift : {24, 16, 8, 0}) out += static_cast<char>(stream >> shift & 255);
    return out + payload;
  }
  void take_frames() {
    std::size_t at = 0;
    const auto byte = [&](std::size_t i) { return static_cast<std::size_t>(static_cast<unsigned char>(in_[at + i])); };
    while (in_.size() - at >= 9) {
      const auto size = byte(0) << 16 | byte(1) << 8 | byte(2);
      if (in_.size() - at < 9 + size) break;
      const auto stream = static_cast<std::uint32_t>(byte(5) << 24 | byte(6) << 16 | byte(7) << 8 | byte(8));
      auto& s = streams[stream];
      if (byte(3) == 0) s.data += size;
      if (byte(3) == 1) s.headers = true;
      if (byte(3) == 3) s.reset = true;
      if (byte(3) <= 1 && (byte(4) & 1) != 0) s.ended = true;
      at += 9 + size;
    }
    in_.erase(0, at);
  }
  Client client_;
  std::string in_;
};

TEST_F(ModuleTest, AnHttp2StreamEndsWhenItsPolicyIsLost) {
  H2 h2(nginx_->port(), device_);
  h2.get(1, "/long");
  ASSERT_TRUE(h2.read_until([&] { return h2.streams[1].data > 200'000; })) << nginx_->log();
  plane_->put(device_.leaf, changed([](auto& d) { d.tags.reset(kHealthy); }));
  // The stream is reset, or, with much unsent in the socket, the connection: in both cases it ends at once.
  const bool reset = h2.read_until([&] { return h2.streams[1].reset; });
  EXPECT_TRUE(reset || h2.client().end() == End::kReset) << nginx_->log();
  EXPECT_FALSE(h2.streams[1].ended);
}

TEST_F(ModuleTest, AnIdleHttp2StreamIsResetAndTheConnectionGoesOn) {
  // A WebSocket's place in HTTP/2: a request that is open and silent.
  H2 h2(nginx_->port(), device_);
  h2.get(1, "/silent");
  ASSERT_TRUE(h2.read_until([&] { return h2.streams[1].data > 0; })) << nginx_->log();
  plane_->put(device_.leaf, changed([](auto& d) { d.tags.reset(kHealthy); }));
  EXPECT_TRUE(h2.read_until([&] { return h2.streams[1].reset; })) << nginx_->log();
  h2.get(3, "/open/x");
  EXPECT_TRUE(h2.read_until([&] { return h2.streams[3].ended; })) << "other policies still let it in";
}

TEST_F(ModuleTest, AnHttp2ConnectionEndsWithItsEndpoint) {
  H2 h2(nginx_->port(), device_);
  h2.get(1, "/silent");
  h2.get(3, "/long");
  ASSERT_TRUE(h2.read_until([&] { return h2.streams[1].data > 0 && h2.streams[3].data > 100'000; }));
  plane_->put(device_.leaf, changed([](auto& d) { d.quarantined = true; }));
  EXPECT_FALSE(h2.read_until([&] { return false; }));
  EXPECT_EQ(h2.client().end(), End::kReset) << nginx_->log();

  H2 idle(nginx_->port(), device_);
  idle.get(1, "/");
  ASSERT_TRUE(idle.read_until([&] { return idle.streams[1].ended; }));
  plane_->put(device_.leaf, healthy());
  idle.get(3, "/");
  ASSERT_TRUE(idle.read_until([&] { return idle.streams[3].ended; }));
  plane_->put(device_.leaf, changed([](auto& d) { d.quarantined = true; }));
  EXPECT_FALSE(idle.read_until([&] { return false; }));
  EXPECT_EQ(idle.client().end(), End::kReset) << nginx_->log();
}

// ---- how fast

TEST_F(ModuleTest, TimeFromChangeToLastByte) {
  std::vector<double> milliseconds;
  for (int i = 0; i < 200; ++i) {
    plane_->put(device_.leaf, healthy());
    Client client(nginx_->port(), &device_, "app.example");
    client.send("GET /long HTTP/1.1\r\nHost: app.example\r\n\r\n");
    while (client.received() < 100'000 && client.end() == End::kOpen) client.read();
    ASSERT_EQ(client.end(), End::kOpen);
    Clock::time_point changed_at;
    // The client reads on while the change is made, as a real one does.
    std::thread change([&] {
      changed_at = Clock::now();
      plane_->put(device_.leaf, changed([](auto& d) { d.tags.reset(kHealthy); }));
    });
    const auto end = client.drain();
    change.join();
    ASSERT_EQ(end, End::kReset);
    milliseconds.push_back(std::chrono::duration<double, std::milli>(client.last_byte() - changed_at).count());
  }
  std::sort(milliseconds.begin(), milliseconds.end());
  std::printf("change to last byte seen, %zu changes: p50 %.2f ms, p99 %.2f ms, worst %.2f ms\n", milliseconds.size(),
              milliseconds[100], milliseconds[198], milliseconds[199]);
}

}  // namespace
}  // namespace postern::nginx::lab
