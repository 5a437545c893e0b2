#include "base/text.h"
#include "ems/api/api_lab.h"

namespace postern::ems::testing {
namespace {

class EndpointsApi : public ApiLab {
 protected:
  std::string at(const TestAgent& agent, const std::string& rest = "") {
    return "/api/v1/endpoints/" + agent.uid().str() + rest;
  }
  /// Enrolled, and reporting nothing but this.
  void join_as(TestAgent& agent, const std::string& name, const std::string& ip, const std::string& family = "linux") {
    ASSERT_EQ(enrol(agent, invite(), "machine-of-" + name), "");
    connect(agent);
    const posture::Interface eth0{"eth0", *MacAddress::parse("02:09:0f:00:01:02"), {*IpAddress::parse(ip)}, true};
    report(agent,
           {{std::string(keys::kHostName), name},
            {std::string(keys::kOsFamily), family},
            {std::string(keys::kInterfaces), std::vector{eth0}}},
           true);
    run();
  }
  std::vector<std::string> names(const std::string& query) {
    const Reply reply = get("/api/v1/endpoints?" + query);
    EXPECT_EQ(reply.status, 200) << reply.text;
    std::vector<std::string> out;
    for (const auto& item : reply.items()) out.emplace_back(item.at("host_name").as_string());
    return out;
  }
};

using Names = std::vector<std::string>;

TEST_F(EndpointsApi, NobodyIsToldWhatAFailingCommitTakesBack) {
  TestAgent agent;
  join(agent);
  bool refused = false;
  core->quarantine(clock.now(), admin, agent.uid(), "", [&](Status ok) { refused = !ok; });
  disk_full(true);
  EXPECT_EQ(get(at(agent)).at("quarantined"), json::value(false));
  EXPECT_TRUE(refused);
  disk_full(false);
  core->quarantine(clock.now(), admin, agent.uid(), "", nullptr);
  EXPECT_EQ(get(at(agent)).at("quarantined"), json::value(true));
}

TEST_F(EndpointsApi, AnEndpointShowsWhatIsKnownAndNullForTheRest) {
  save_process_tag();
  TestAgent agent;
  join(agent);
  const Reply reply = get(at(agent));
  ASSERT_EQ(reply.status, 200) << reply.text;
  EXPECT_EQ(reply.str("uid"), agent.uid().str());
  EXPECT_EQ(reply.str("host_name"), "WIN10-01");
  EXPECT_EQ(reply.str("os_family"), "linux");
  for (const char* unknown :
       {"os_type", "os_version", "agent_version", "user", "on_fabric", "vulnerabilities", "quarantine_reason"}) {
    EXPECT_TRUE(reply.body.as_object().contains(unknown)) << unknown;
    EXPECT_TRUE(reply.at(unknown).is_null()) << unknown;
  }
  EXPECT_EQ(reply.at("online"), json::value(true));
  EXPECT_EQ(reply.at("registered"), json::value(true));
  EXPECT_EQ(reply.str("registration"), "registered");
  EXPECT_EQ(reply.at("quarantined"), json::value(false));
  EXPECT_EQ(reply.str("profile"), "Default");
  EXPECT_EQ(reply.str("ip"), "10.0.1.2");
  EXPECT_EQ(reply.str("mac"), "02:09:0f:00:01:02");
  EXPECT_EQ(reply.str("public_ip"), "10.0.1.2");
  EXPECT_EQ(reply.at("tags"), (json::value{"all_registered_clients"}));
  EXPECT_EQ(reply.at("unknown_tags"), (json::value{"Has-sshd"}));
  EXPECT_EQ(reply.str("last_seen"), to_iso8601(clock.now().wall));
  EXPECT_EQ(reply.str("enrolled_at"), to_iso8601(clock.now().wall));
  ASSERT_EQ(reply.at("certificates").as_array().size(), 1u);
  EXPECT_EQ(reply.at("certificates").as_array()[0].at("sha256"), json::value(to_hex_lower(agent.leaf_sha256())));
  EXPECT_EQ(reply.at("certificates").as_array()[0].at("serial"), reply.at("client_cert_sn"));
  // Either case of the UID.
  EXPECT_EQ(get("/api/v1/endpoints/" + to_lower(agent.uid().str())).body, reply.body);

  report(agent, {{keys::process_running("sshd"), true}});
  settle();
  EXPECT_EQ(get(at(agent)).at("tags"), (json::value{"Has-sshd", "all_registered_clients"}));
  EXPECT_EQ(get(at(agent)).at("unknown_tags"), json::array());
}

TEST_F(EndpointsApi, AnUnknownUidIsNotFoundEverywhere) {
  for (const char* uid : {"00000000000000000000000000000000", "nonsense", "%20"}) {
    const std::string one = std::string("/api/v1/endpoints/") + uid;
    for (const auto& [method, rest] : std::vector<std::pair<std::string, std::string>>{
             {"GET", ""}, {"GET", "/vulnerabilities"}, {"GET", "/history"}, {"GET", "/facts"}, {"DELETE", ""},
             {"POST", "/quarantine"}, {"POST", "/unquarantine"}, {"POST", "/deregister"}, {"POST", "/revoke"},
             {"GET", "/tags/all_registered_clients/why"}}) {
      const Reply reply = call(method, one + rest);
      EXPECT_EQ(reply.status, 404) << method << rest;
      EXPECT_EQ(reply.code(), "not_found");
    }
    EXPECT_EQ(call("PATCH", one, R"({"profile":"Default"})").status, 404);
  }
}

TEST_F(EndpointsApi, TheListIsFilteredSortedAndPaged) {
  save_process_tag();
  std::vector<std::unique_ptr<TestAgent>> agents;
  for (const auto& [name, ip, os] : std::vector<std::array<std::string, 3>>{{"delta", "10.0.0.4", "linux"},
                                                                           {"alpha", "10.0.0.10", "linux"},
                                                                           {"Charlie", "10.0.0.3", "windows"},
                                                                           {"bravo", "10.0.0.2", "linux"},
                                                                           {"echo", "10.0.0.1", "macos"}}) {
    agents.push_back(std::make_unique<TestAgent>());
    join_as(*agents.back(), name, ip, os);
    clock.advance(std::chrono::seconds(1));
  }
  report(*agents[0], {{keys::process_running("sshd"), true}});
  report(*agents[3], {{keys::process_running("sshd"), false}});
  settle();
  EXPECT_EQ(names(""), (Names{"alpha", "bravo", "Charlie", "delta", "echo"}));
  EXPECT_EQ(names("sort=-host_name"), (Names{"echo", "delta", "Charlie", "bravo", "alpha"}));
  EXPECT_EQ(names("sort=enrolled_at"), (Names{"delta", "alpha", "Charlie", "bravo", "echo"}));
  EXPECT_EQ(names("sort=ip"), (Names{"echo", "bravo", "Charlie", "delta", "alpha"}));
  EXPECT_EQ(names("q=LT"), (Names{"delta"}));
  EXPECT_EQ(names("q=10.0.0.1"), (Names{"alpha", "echo"}));
  EXPECT_EQ(names("q=%20bra%20"), (Names{"bravo"}));
  EXPECT_EQ(names("os=linux"), (Names{"alpha", "bravo", "delta"}));
  EXPECT_EQ(names("os=LINUX"), (Names{"alpha", "bravo", "delta"}));
  EXPECT_EQ(names("os=android"), Names{});
  EXPECT_EQ(get("/api/v1/endpoints?os=mars").status, 400);
  EXPECT_EQ(get("/api/v1/endpoints?os=mars").message(),
            "os: no endpoint reports \"mars\"; it must be one of linux, windows, macos, ios, android, or an os_type such as "
            "LINUX64, WIN64 or MAC");
  EXPECT_EQ(names("tag=Has-sshd"), (Names{"delta"}));
  EXPECT_EQ(names("tag=unknown:Has-sshd"), (Names{"alpha"}));
  core->telemetry_closed(clock.now(), agents[1]->session);
  EXPECT_EQ(call("POST", at(*agents[2], "/quarantine")).status, 200);
  EXPECT_EQ(call("POST", at(*agents[4], "/deregister")).status, 200);
  EXPECT_EQ(names("quarantined=true"), (Names{"Charlie"}));
  EXPECT_EQ(names("registered=false"), (Names{"echo"}));
  EXPECT_EQ(names("online=false"), (Names{"echo"}));
  EXPECT_EQ(names("os=linux&online=true&quarantined=false&q=a&sort=-host_name"), (Names{"delta", "bravo", "alpha"}));

  Names seen;
  std::string cursor;
  int pages = 0;
  do {
    const Reply reply = get("/api/v1/endpoints?limit=2&sort=-ip" + (cursor.empty() ? "" : "&cursor=" + cursor));
    ASSERT_EQ(reply.status, 200) << reply.text;
    EXPECT_EQ(reply.at("total"), json::value(5));
    EXPECT_LE(reply.items().size(), 2u);
    for (const auto& item : reply.items()) seen.emplace_back(item.at("host_name").as_string());
    cursor = reply.str("next_cursor");
  } while (!cursor.empty() && ++pages < 10);
  EXPECT_EQ(seen, (Names{"alpha", "delta", "Charlie", "bravo", "echo"}));

  // A cursor belongs to the list that gave it.
  cursor = get("/api/v1/endpoints?limit=2").str("next_cursor");
  EXPECT_EQ(get("/api/v1/endpoints?limit=3&cursor=" + cursor).status, 200);
  EXPECT_EQ(get("/api/v1/endpoints?limit=2&sort=ip&cursor=" + cursor).status, 400);
  EXPECT_EQ(get("/api/v1/endpoints?limit=2&q=a&cursor=" + cursor).status, 400);
  EXPECT_EQ(get(at(*agents[0], "/facts?cursor=" + cursor)).status, 400);
}

TEST_F(EndpointsApi, TheListRefusesWhatItDoesNotKnow) {
  for (const char* query : {"tag=No-such-tag", "tag=unknown:No-such-tag", "tag=", "online=yes", "sort=color", "limit=x",
                            "filter=1", "q=%00", "q=%ff", "cursor="}) {
    const Reply reply = get("/api/v1/endpoints?" + std::string(query));
    EXPECT_EQ(reply.status, 400) << query;
    EXPECT_EQ(reply.code(), "invalid_argument") << query;
    EXPECT_NE(reply.message(), "") << query;
  }
  EXPECT_EQ(get("/api/v1/endpoints?q=" + std::string(256, 'x')).status, 400);
  EXPECT_EQ(names("q=nothing-like-it"), Names());
}

TEST_F(EndpointsApi, FactsSayTheirAgeTheirSourceOrWhyTheyAreUnknown) {
  TestAgent agent;
  join(agent);
  report(agent, {{std::string(keys::kDomain), posture::Unknown{posture::UnknownReason::kDenied}},
                 {std::string(keys::kUpdatedAt), std::int64_t{1'795'706'523'181}},
                 {std::string(keys::kMemoryMb), std::int64_t{7831}}});
  settle();
  const Reply reply = get(at(agent, "/facts"));
  ASSERT_EQ(reply.status, 200);
  std::map<std::string, json::object> by_key;
  for (const auto& item : reply.items()) by_key[std::string(item.at("key").as_string())] = item.as_object();
  EXPECT_EQ(reply.at("total"), json::value(by_key.size()));
  EXPECT_EQ(by_key.at("memory.mb").at("value"), json::value(7831));
  EXPECT_FALSE(by_key.at("memory.mb").contains("text"));
  EXPECT_EQ(by_key.at("update.installed_at").at("value"), json::value(1'795'706'523'181));
  EXPECT_EQ(by_key.at("update.installed_at").at("text"), json::value("2026-11-26T15:22:03.181Z"));
  EXPECT_EQ(by_key.at("memory.mb").at("source"), json::value("test"));
  EXPECT_EQ(by_key.at("memory.mb").at("collected_at"), json::value(to_iso8601(clock.now().wall)));
  EXPECT_EQ(by_key.at("domain.name").at("known"), json::value(false));
  EXPECT_EQ(by_key.at("domain.name").at("unknown_reason"), json::value("denied"));
  EXPECT_FALSE(by_key.at("domain.name").contains("value"));
  EXPECT_EQ(by_key.at("net.routes").at("value").as_array()[0].at("gateway_mac"), json::value("02:00:00:00:00:01"));
  EXPECT_EQ(by_key.at("ems.online").at("value"), json::value(true));

  std::size_t seen = 0;
  std::string cursor;
  do {
    const Reply page = get(at(agent, "/facts?limit=3") + (cursor.empty() ? "" : "&cursor=" + cursor));
    ASSERT_EQ(page.status, 200);
    seen += page.items().size();
    cursor = page.str("next_cursor");
  } while (!cursor.empty() && seen < 1000);
  EXPECT_EQ(seen, by_key.size());
}

TEST_F(EndpointsApi, HistoryGoesBackInPages) {
  TestAgent agent, other;
  join(agent);
  join_as(other, "other", "10.0.0.9");
  for (int i = 0; i < 6; ++i) {
    clock.advance(std::chrono::seconds(1));
    report(agent, {{keys::process_running("sshd"), i % 2 == 0}});
    settle();
  }
  std::vector<std::uint64_t> revisions;
  std::string cursor;
  do {
    const Reply page = get(at(agent, "/history?limit=3") + (cursor.empty() ? "" : "&cursor=" + cursor));
    ASSERT_EQ(page.status, 200);
    EXPECT_TRUE(page.at("total").is_null());
    for (const auto& item : page.items()) {
      revisions.push_back(item.at("revision").to_number<std::uint64_t>());
      EXPECT_TRUE(item.at("change").is_object());
    }
    cursor = page.str("next_cursor");
  } while (!cursor.empty() && revisions.size() < 1000);
  EXPECT_GE(revisions.size(), 7u);
  EXPECT_TRUE(std::ranges::is_sorted(revisions, std::ranges::greater()));
  EXPECT_EQ(std::ranges::adjacent_find(revisions), revisions.end());
  const json::value newest = get(at(agent, "/history?limit=1")).items()[0];
  EXPECT_EQ(newest.at("kind"), json::value("facts"));
  EXPECT_NE(json::serialize(newest.at("change")).find("process.running:sshd"), std::string::npos);
  EXPECT_EQ(newest.at("at"), json::value(to_iso8601(clock.now().wall)));
}

TEST_F(EndpointsApi, AnEndpointIsForgottenOnlyOnceItIsOut) {
  TestAgent agent;
  join(agent);
  const Reply refused = call("DELETE", at(agent));
  EXPECT_EQ(refused.status, 409);
  EXPECT_EQ(refused.code(), "conflict");
  const Reply out = post(at(agent, "/deregister"));
  ASSERT_EQ(out.status, 200);
  EXPECT_EQ(out.str("registration"), "deregistered");
  EXPECT_EQ(out.at("registered"), json::value(false));
  EXPECT_EQ(out.at("online"), json::value(false));
  EXPECT_EQ(out.at("tags"), json::array());
  EXPECT_TRUE(agent.closed);
  disk_full(true);
  EXPECT_EQ(call("DELETE", at(agent)).status, 507);
  EXPECT_EQ(get(at(agent)).status, 200);
  disk_full(false);
  EXPECT_EQ(call("DELETE", at(agent)).status, 204);
  EXPECT_EQ(get(at(agent)).status, 404);
  EXPECT_EQ(get("/api/v1/endpoints").at("total"), json::value(0));
}

TEST_F(EndpointsApi, OfWhoIsNotRegisteredItIsSaidFirstAndSinceWhen) {
  TestAgent agent;
  join(agent);
  ASSERT_EQ(post("/api/v1/tags", R"({"name":"NQ","rules":[{"id":1,"os":"linux","type":"quarantined","negate":true}]})")
                .status,
            201);
  const auto why = at(agent, "/tags/NQ/why");
  EXPECT_TRUE(get(at(agent)).at("unregistered_at").is_null());
  EXPECT_TRUE(get(why).at("refused").is_null());
  const auto before = to_iso8601(clock.now().wall);
  clock.advance(Seconds(60));
  const auto since = to_iso8601(clock.now().wall);
  post(at(agent, "/deregister"));
  clock.advance(Seconds(60));
  post(at(agent, "/revoke"));  // its registration had ended
  restart_all();
  EXPECT_EQ(get(at(agent)).str("unregistered_at"), since);
  EXPECT_EQ(get("/api/v1/endpoints").items()[0].at("registered"), json::value(false));
  EXPECT_EQ(get("/api/v1/endpoints").items()[0].at("unregistered_at"), json::value(since));
  EXPECT_EQ(get(why).str("state"), "has");
  EXPECT_EQ(get(why).str("refused"),
            "the endpoint is revoked since " + since + ": gateways refuse it, whatever its tags say");
  EXPECT_EQ(get(why + "?at=" + since).str("refused"), get(why).str("refused"));
  EXPECT_TRUE(get(why + "?at=" + before).at("refused").is_null());
}

TEST_F(EndpointsApi, QuarantineRevocationAndProfilesAnswerWithWhatBecameOfTheEndpoint) {
  TestAgent agent;
  join(agent);
  const Reply in = post(at(agent, "/quarantine"), R"({"reason":"ransomware"})");
  ASSERT_EQ(in.status, 200) << in.text;
  EXPECT_EQ(in.at("quarantined"), json::value(true));
  EXPECT_EQ(in.str("quarantine_reason"), "ransomware");
  EXPECT_EQ(in.at("registered"), json::value(true));
  EXPECT_EQ(core->audit(0, 1)->front().action, "endpoint.quarantine");
  EXPECT_EQ(core->audit(0, 1)->front().actor, "token:TOK-ken-of-admin (admin)");
  EXPECT_EQ(core->audit(0, 1)->front().source, "192.0.2.7");
  const Reply released = post(at(agent, "/unquarantine"));
  EXPECT_EQ(released.at("quarantined"), json::value(false));
  EXPECT_TRUE(released.at("quarantine_reason").is_null());

  Profile profile;
  profile.name = "Laptops";
  core->save_profile(clock.now(), admin, profile, nullptr);
  settle();
  EXPECT_EQ(call("PATCH", at(agent), R"({"profile":"Laptops"})").str("profile"), "Laptops");
  const Reply no_such = call("PATCH", at(agent), R"({"profile":"Desktops"})");
  EXPECT_EQ(no_such.status, 400);
  EXPECT_NE(no_such.message().find("Desktops"), std::string::npos);
  EXPECT_EQ(call("PATCH", at(agent), "{}").status, 400);
  EXPECT_EQ(call("PATCH", at(agent), R"({"profile":"Laptops","online":true})").status, 400);
  EXPECT_EQ(get(at(agent)).str("profile"), "Laptops");
  EXPECT_EQ(post(at(agent, "/quarantine"), R"({"reason":7})").status, 400);
  EXPECT_EQ(post(at(agent, "/unquarantine"), R"({"reason":"x"})").status, 400);

  const Reply revoked = post(at(agent, "/revoke"));
  EXPECT_EQ(revoked.str("registration"), "revoked");
  EXPECT_TRUE(agent.closed);
}

TEST_F(EndpointsApi, WhatCanNotBeStoredIsNotDone) {
  TestAgent agent;
  join(agent);
  const Reply before = get(at(agent));
  disk_full(true);
  for (const char* action : {"/quarantine", "/unquarantine", "/deregister", "/revoke"}) {
    const Reply reply = post(at(agent, action));
    EXPECT_EQ(reply.status, 507) << action;
    EXPECT_EQ(reply.code(), "resource_exhausted");
    EXPECT_NE(reply.message().find("disk is full"), std::string::npos);
  }
  EXPECT_EQ(call("PATCH", at(agent), R"({"profile":"Default"})").status, 507);
  EXPECT_EQ(get(at(agent)).body, before.body);
  store.fail_commits(Error{ErrorCode::kUnavailable, "the database is locked"});
  EXPECT_EQ(post(at(agent, "/quarantine")).status, 503);
  EXPECT_EQ(get(at(agent)).body, before.body);
  disk_full(false);
  EXPECT_EQ(post(at(agent, "/quarantine")).status, 200);
}

TEST_F(EndpointsApi, WhyNamesEachRuleWhatItReadAndWhatItConcluded) {
  save_tag(R"({"name":"Two Rules","rules":[{"id":1,"os":"linux","type":"running-process","processes":["sshd"]},
      {"id":2,"os":"linux","type":"ip-range","ranges":["10.0.1.0/24"],"negate":true}],"logic":{"linux":"1 or 2"}})");
  TestAgent agent;
  join(agent);
  const std::string path = at(agent, "/tags/Two%20Rules/why");
  Reply why = get(path);
  ASSERT_EQ(why.status, 200) << why.text;
  EXPECT_EQ(why.str("tag"), "Two Rules");
  EXPECT_EQ(why.str("uid"), agent.uid().str());
  EXPECT_EQ(why.str("state"), "unknown");
  EXPECT_EQ(why.str("os"), "linux");
  EXPECT_EQ(why.at("os_fact", "value"), json::value("linux"));
  EXPECT_EQ(why.str("logic"), "1 or 2");
  ASSERT_EQ(why.at("rules").as_array().size(), 2u);
  const json::value process = why.at("rules").as_array()[0];
  EXPECT_EQ(process.at("verdict"), json::value("unknown"));
  ASSERT_EQ(process.at("facts").as_array().size(), 1u);
  EXPECT_EQ(process.at("facts").as_array()[0].at("unknown_reason"), json::value("not_reported"));
  EXPECT_TRUE(process.at("facts").as_array()[0].at("age_ms").is_null());
  const json::value range = why.at("rules").as_array()[1];
  EXPECT_EQ(range.at("negate"), json::value(true));
  EXPECT_EQ(range.at("verdict"), json::value("no_match"));

  const WallTime unknown_then = clock.now().wall;
  clock.advance(std::chrono::seconds(5));
  report(agent, {{keys::process_running("sshd"), true}});
  settle();
  clock.advance(std::chrono::seconds(5));
  const WallTime running_then = clock.now().wall;
  clock.advance(std::chrono::seconds(5));
  report(agent, {{keys::process_running("sshd"), false}});
  settle();
  why = get(path);
  EXPECT_EQ(why.str("state"), "absent");
  EXPECT_EQ(why.str("at"), to_iso8601(clock.now().wall));
  why = get(path + "?at=" + to_iso8601(running_then));
  ASSERT_EQ(why.status, 200) << why.text;
  EXPECT_EQ(why.str("state"), "has");
  EXPECT_EQ(why.str("at"), to_iso8601(running_then));
  EXPECT_EQ(why.at("rules").as_array()[0].at("facts").as_array()[0].at("age_ms"), json::value(5000));
  EXPECT_EQ(get(path + "?at=" + to_iso8601(unknown_then)).str("state"), "unknown");

  EXPECT_EQ(get(at(agent, "/tags/all_registered_clients/why")).str("state"), "has");
  EXPECT_EQ(get(at(agent, "/tags/No-such/why")).status, 404);
  EXPECT_EQ(get(path + "?at=" + to_iso8601(unknown_then - Millis(3'600'000))).status, 404);  // before it enrolled
  EXPECT_EQ(get(path + "?at=" + to_iso8601(clock.now().wall + Millis(1))).status, 400);
  EXPECT_EQ(get(path + "?at=yesterday").status, 400);
}

}  // namespace
}  // namespace postern::ems::testing
