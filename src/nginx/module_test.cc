// The module in a real nginx: who gets in, who doesn't and why, and how an open session ends.
#include <gtest/gtest.h>

#include <cstdlib>
#include <sstream>

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

}  // namespace
}  // namespace postern::nginx::lab
