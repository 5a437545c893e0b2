#pragma once
// Each test gets its own nginx, gateway side, application and one device in good standing.
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <sstream>
#include <string>

#include "base/clock.h"
#include "nginx/lab_test.h"

namespace postern::nginx::lab {

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
      if (expect_alerts_) continue;
      EXPECT_EQ(line.find("[alert]"), std::string::npos) << line;
      EXPECT_EQ(line.find("[crit]"), std::string::npos) << line;
    }
    nginx_.reset();
    plane_.reset();
    std::filesystem::remove_all(dir_);
  }

  static constexpr std::uint32_t kManageable = 4'294'967'295;  // numbers are digests: any of 32 bits

  static policy::PolicyTable policies() {
    policy::PolicyTable t;
    policy::ApiGateway all{.id = 1, .host = "", .url = "/", .pool = 1};
    policy::ApiGateway dead{.id = 2, .host = "", .url = "/dead", .pool = 0};
    t.proxies = {{1, "app", policy::EmptyCertAction::kBlock, {all, dead}},
                 {2, "open", policy::EmptyCertAction::kAccept, {all}},
                 {kManageable, "manageable", policy::EmptyCertAction::kAcceptUnmanageable, {all}}};
    policy::Policy deny{
        .id = 10, .name = "no-vulnerable", .proxies = {1}, .sources = {}, .tags = {kVulnerable}};
    deny.action = policy::Action::kDeny;
    policy::Policy allow{
        .id = 11, .name = "healthy", .proxies = {1}, .sources = {}, .tags = {kHealthy}};
    policy::Policy open{.id = 12, .name = "mend", .proxies = {2, kManageable}, .sources = {}, .tags = {}};
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

  Response get(const Identity* who, const std::string& path = "/",
               const std::string& headers = "") {
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
    const auto response = client->request("GET", "/ws", "app.example",
                                          "Upgrade: websocket\r\nConnection: Upgrade\r\n");
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
  bool expect_alerts_ = false;
};

}  // namespace postern::nginx::lab
