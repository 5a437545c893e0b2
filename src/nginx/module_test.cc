// The module in a real nginx: who gets in, who doesn't and why, and how an open session ends.
#include <signal.h>

#include <vector>

#include "nginx/fixture_test.h"

namespace postern::nginx::lab {
namespace {

TEST_F(ModuleTest, AllowsWithTheTagAndReports) {
  const auto r = get(&device_);
  EXPECT_EQ(r.status, 200) << r.head << r.body << nginx_->log();
  const auto event =
      plane_->wait_event([](const ecshm::Event& e) { return e.type == EventType::kAllowed; });
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

TEST_F(ModuleTest, PoliciesAskByWhichInterfaceAClientComes) {
  const auto by = [](const char* interface) {
    auto t = policies();
    t.policies[1].interfaces = {"nowhere", interface};
    return t;
  };
  auto client = open_download();
  plane_->set_policies(by("lo"));
  EXPECT_EQ(get(&device_).status, 200);
  const auto event = plane_->wait_event([](const ecshm::Event& e) { return e.type == EventType::kAllowed && e.path == "/"; });
  ASSERT_TRUE(event);
  EXPECT_EQ(event->interface, "lo");
  EXPECT_EQ(client->end(), End::kOpen) << "it came in by lo, too, though nobody asked then";
  // The gateway is told so; and of each end by what it was told of the beginning.
  const auto session = [&](EventType type, const char* interface) {
    return plane_->wait_event([&](const ecshm::Event& e) { return e.type == type && e.interface == interface; }).has_value();
  };
  EXPECT_TRUE(session(EventType::kSessionOpen, ""));
  EXPECT_TRUE(session(EventType::kSessionClose, ""));
  EXPECT_TRUE(session(EventType::kSessionOpen, "lo"));
  plane_->set_policies(by("port1"));
  EXPECT_EQ(client->drain(), End::kReset) << nginx_->log();
  expect_denied(get(&device_), Reason::kNoPolicy);
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
  const auto event =
      plane_->wait_event([](const ecshm::Event& e) { return e.type == EventType::kCut; });
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

TEST_F(ModuleTest, AnIdleConnectionOfWhoWasRevokedWhileTheLeaseWasOutEndsWithItsReturn) {
  Client idle(nginx_->port(), &device_, "app.example");
  EXPECT_EQ(idle.request("GET", "/1", "app.example").status, 200);
  plane_->stop_lease();
  ASSERT_TRUE(wait_for([&] { return get(&device_).status != 200; }));
  plane_->put(device_.leaf, changed([](auto& d) { d.blocked = true; }));
  EXPECT_NE(get(&device_).status, 200);
  plane_->resume_lease();
  EXPECT_EQ(idle.drain(), End::kReset) << nginx_->log();
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
  EXPECT_TRUE(wait_for([&] { return nginx_->worker_pids().size() == 1; }))
      << "the old worker ends with its last session";
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
  EXPECT_EQ(port.request("GET", "/a%20b?x=//y", "APP.example:443").status, 200)
      << "case and port make no other host";
  EXPECT_EQ(application_.requests(), before + 1);
}

// nginx takes the server from the request line where that names one; the application reads the header.
TEST_F(ModuleTest, TheApplicationIsAskedForTheServerThatWasJudged) {
  const auto ask = [&](const std::string& line, const std::string& host, const std::string& sni = "app.example") {
    Client client(nginx_->port(), &device_, sni);
    client.send(line + (host.empty() ? "" : "\r\nHost: " + host) + "\r\nConnection: close\r\n\r\n");
    return client.read_response();
  };
  for (const auto* sni : {"app.example", ""}) {
    expect_denied(ask("GET http://app.example/ HTTP/1.1", "admin.internal", sni), Reason::kHostMismatch, 421);
    expect_denied(ask("GET http://app.example:443/ HTTP/1.1", "app.example.evil", sni), Reason::kHostMismatch, 421);
  }
  for (const auto* host : {"app.example:x", "app.example:80x"}) {
    EXPECT_NE(ask("GET / HTTP/1.1", host).status, 200) << host;
  }
  EXPECT_EQ(ask("GET http://app.example/ HTTP/1.1", "APP.example.:443").status, 200);
  EXPECT_EQ(ask("GET http://app.example/ HTTP/1.0", "").status, 200);
  EXPECT_EQ(ask("GET / HTTP/1.1", "app.example").status, 200);
  EXPECT_EQ(ask("GET / HTTP/1.1", "app.example:").status, 200) << "a port may be left empty (RFC 3986)";
}

TEST_F(ModuleTest, WhatNginxCannotServeGetsAPlainPageOfOurs) {
  const auto expect_page = [&](const Response& r, int status, bool reference) {
    EXPECT_EQ(r.status, status) << r.head << r.body;
    EXPECT_EQ(r.body.find("nginx"), std::string::npos) << r.body;
    EXPECT_EQ(r.header("Server").find('/'), std::string::npos) << "no version: " << r.head;
    EXPECT_EQ(r.header("Cache-Control"), "no-store") << r.head;
    const auto id = r.header("X-Postern-Reference");
    EXPECT_EQ(!id.empty(), reference) << r.head;
    if (!reference) return;
    EXPECT_NE(r.body.find(id), std::string::npos) << r.body;
    const auto event = plane_->wait_event([&](const ecshm::Event& e) { return e.id == id; });
    ASSERT_TRUE(event) << "the reference is in the log";
    EXPECT_EQ(event->type, EventType::kAllowed);
    EXPECT_EQ(event->status, static_cast<std::uint32_t>(status));
  };
  expect_page(get(&device_, "/../x"), 400, false);
  EXPECT_EQ(application_.requests(), 0u);
  expect_page(get(&device_, "/", "Cookie: " + std::string(60'000, 'x') + "\r\n"), 431, false);
  expect_page(get(&device_, "/.postern/failed"), 404, false);
  expect_page(get(nullptr, "/../x", "Accept: application/json\r\n"), 400, false);
  const auto json = get(&device_, "/hang-up", "Accept: application/json\r\n");
  expect_page(json, 502, true);
  EXPECT_EQ(json.body,
            "{\"error\":{\"code\":\"502\",\"title\":\"The application doesn't answer\",\"message\":\"Try again in "
            "a moment. If it stays so, tell your help desk.\",\"reference\":\"" +
                json.header("X-Postern-Reference") + "\"}}\n");
  Client malformed(nginx_->port(), &device_, "app.example");
  malformed.send("GET / HTTP/1.1\r\nHost: app.example\r\nHost: other.example\r\n\r\n");
  EXPECT_NE(malformed.read_response().body.find("can&#39;t be read"), std::string::npos);
  Client ancient(nginx_->port(), &device_, "app.example");
  ancient.send("GET /\r\n");
  std::string all;
  for (std::string some; !(some = ancient.read()).empty();) all += some;
  EXPECT_EQ(all.find("<center>"), std::string::npos) << all;
  expect_page(get(&device_, "/hang-up"), 502, true);
}

TEST_F(ModuleTest, ClientsCannotSpeakForOthers) {
  const auto r = get(&device_, "/",
                     "X-SSL-Client-Verify: SUCCESS\r\nx-ssl-client-cert: abc\r\nClient-Cert: "
                     ":abc:\r\nForwarded: for=1.2.3.4\r\n"
                     "X-Forwarded-For: 1.2.3.4\r\nX-Real-IP: 1.2.3.4\r\nX-Forwarded-Proto: "
                     "http\r\nX-Remote-User: root\r\n"
                     "X-Harmless: yes\r\nUpgrade: h2c\r\nConnection: Upgrade, "
                     "HTTP2-Settings\r\nHTTP2-Settings: AAA\r\n");
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
  EXPECT_NE(page.body.find("Install the &lt;important&gt; updates."), std::string::npos)
      << page.body;
  EXPECT_EQ(page.body.find("no-vulnerable"), std::string::npos) << "no policy names";
  EXPECT_NE(page.body.find("Check again"), std::string::npos);

  const auto json = get(&device_, "/", "Accept: application/json\r\n");
  EXPECT_EQ(json.header("Content-Type"), "application/json");
  EXPECT_NE(json.body.find(R"("code":"064","reason":"forbidden_tag")"), std::string::npos)
      << json.body;

  page = get(nullptr);
  EXPECT_EQ(page.body.find("updates"), std::string::npos)
      << "nothing of tags without a verified certificate";
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
  EXPECT_EQ(client.request("GET", "/2", "app.example").status, 403)
      << "a lost tag leaves the idle connection open";
  plane_->put(device_.leaf, healthy());
  EXPECT_EQ(client.request("GET", "/3", "app.example").status, 200);
  plane_->put(device_.leaf, changed([](auto& d) { d.blocked = true; }));
  EXPECT_EQ(client.drain(), End::kReset)
      << "a revoked endpoint keeps no connection, not even an idle one";
}

TEST_F(ModuleTest, OpenProxiesAskNobody) {
  EXPECT_EQ(get(nullptr, "/open/enrol").status, 200);
  EXPECT_EQ(get(&device_, "/open/enrol").status, 200);
  const auto stranger = ca_.issue("stranger", Usage::kClient);
  EXPECT_EQ(get(&stranger, "/open/enrol").status, 200);
  EXPECT_EQ(get(nullptr, "/manageable/", "User-Agent: Mozilla/5.0 (iPhone; x)\r\n").status, 200);
  expect_denied(get(nullptr, "/manageable/", "User-Agent: Mozilla/5.0 (X11; Linux)\r\n"),
                Reason::kManageableEmpty);
}

TEST_F(ModuleTest, WhereAnyoneMayEnterABadCertificateIsNoReason) {
  const auto expired = ca_.issue("device-1", Usage::kClient, -7000, -60);
  Client renew(nginx_->open_port(), &expired, "app.example");
  const auto page = renew.request("GET", "/renew?step=1", "app.example");
  EXPECT_EQ(page.status, 200) << page.head << page.body << nginx_->log();
  EXPECT_NE(page.body.find("GET /renew?step=1"), std::string::npos) << page.body;
  Client post(nginx_->open_port(), &expired, "app.example");
  expect_denied(post.request("POST", "/renew", "app.example", "Content-Length: 0\r\n"),
                Reason::kInvalidCertificate);
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
  const auto event =
      plane_->wait_event([](const ecshm::Event& e) { return e.type == EventType::kCut; });
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
  const auto event =
      plane_->wait_event([](const ecshm::Event& e) { return e.type == EventType::kCut; });
  ASSERT_TRUE(event);
  EXPECT_EQ(event->reason, Reason::kMissingTag);
}

TEST_F(ModuleTest, AConnectorThatRunsOutEndsItsSessions) {
  auto client = open_websocket();
  plane_->change(
      [](ecshm::Writer& w) { w.set_connector_valid_until(1, SystemClock().now().mono); });
  EXPECT_EQ(client->drain(), End::kReset);
  expect_denied(get(&device_), Reason::kStale);
}

TEST_F(ModuleTest, SessionsFindTheirSlotAgainAfterTheGatewayCameBack) {
  auto websocket = open_websocket();
  EXPECT_TRUE(wait_for([&] { return plane_->live_sessions() == 1; }));
  plane_->restart([&](ecshm::Writer& w) {
    // Others come first now, so that the slot has another number.
    for (int i = 0; i < 5; ++i)
      ASSERT_TRUE(w.upsert(sha256("other " + std::to_string(i)), healthy()));
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
  EXPECT_EQ(
      lost->request("GET", "/ws", "app.example", "Upgrade: websocket\r\nConnection: Upgrade\r\n")
          .status,
      101);
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

TEST_F(ModuleTest, AWorkerThatDiesTakesItsSessionsAlong) {
  auto websocket = open_websocket();
  EXPECT_TRUE(wait_for([&] { return plane_->live_sessions() == 1; }));
  const auto before = nginx_->worker_pids();
  kill(*before.begin(), SIGKILL);
  expect_alerts_ = true;
  EXPECT_EQ(websocket->drain() == End::kOpen, false);
  EXPECT_TRUE(wait_for([&] { return plane_->live_sessions() == 0; }));
  EXPECT_TRUE(wait_for([&] { return plane_->workers() == 1; }));
  EXPECT_EQ(get(&device_).status, 200);
}

TEST_F(ModuleTest, NginxMayBeThereBeforeTheGateway) {
  nginx_.reset();
  plane_.reset();
  std::filesystem::remove_all(dir_ / "run");
  std::filesystem::remove_all(dir_ / "logs");
  nginx_ = std::make_unique<Nginx>(dir_, server_ca_, ca_, application_.port());
  EXPECT_EQ(get(&device_).header("X-Postern-Reason"), policy::reason_code(Reason::kStale));
  plane_ = std::make_unique<Plane>(dir_ / "run");
  plane_->set_policies(policies());
  plane_->put(device_.leaf, healthy());
  EXPECT_TRUE(wait_for([&] { return get(&device_).status == 200; })) << nginx_->log();
}

TEST_F(ModuleTest, SeveralWorkersSeeTheSame) {
  nginx_.reset();
  nginx_ = std::make_unique<Nginx>(dir_, server_ca_, ca_, application_.port(), 3);
  ASSERT_TRUE(wait_for([&] { return plane_->workers() == 3; }));
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 12; ++i) clients.push_back(open_websocket());
  EXPECT_TRUE(wait_for([&] { return plane_->live_sessions() == 12; }));
  plane_->put(device_.leaf, changed([](auto& d) { d.unknown.set(kVulnerable); }));
  for (auto& client : clients) EXPECT_EQ(client->drain(), End::kReset);
  EXPECT_TRUE(wait_for([&] { return plane_->live_sessions() == 0; }));
}

}  // namespace
}  // namespace postern::nginx::lab
