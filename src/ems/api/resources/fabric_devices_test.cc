#include "ems/api/api_lab.h"

namespace postern::ems::testing {
namespace {

using State = proto::FabricStatusInfo::State;
constexpr const char* kSerial = "PGW0000000000001";
constexpr const char* kDevices = "/api/v1/fabric-devices/PGW0000000000001";

std::string key_of(const TestGateway& g) { return to_hex_lower(g.identity.key.public_key_sha256()); }

TEST_F(ApiLab, AFabricDeviceWaitsIsAuthorisedAndGetsItsShare) {
  TestAgent a;
  join(a, kPort1);
  TestGateway g(kSerial, 5);
  set_interface(g, kPort1);
  connect(g);
  Reply device = get(kDevices);
  EXPECT_EQ(device.status, 200) << device.text;
  EXPECT_EQ(device.str("state"), "pending");
  EXPECT_EQ(device.at("authorized"), false);
  EXPECT_EQ(device.at("pinned_key"), nullptr);
  EXPECT_EQ(device.at("offered_key", "sha256"), json::string(key_of(g)));
  EXPECT_EQ(device.at("offered_key", "fingerprint").as_string().size(), 95u);
  EXPECT_EQ(device.str("host_name"), "gw");
  EXPECT_EQ(device.str("address"), "10.0.2.1");
  EXPECT_EQ(device.at("authorized_at"), nullptr);
  EXPECT_EQ(device.at("shared_endpoints"), 0);

  const std::string body = R"({"authorized":true,"alias":"Main office","expected_key_sha256":")" + key_of(g) + "\"}";
  device = call("PATCH", kDevices, body);
  EXPECT_EQ(device.status, 200) << device.text;
  EXPECT_EQ(device.str("state"), "authorised");
  EXPECT_EQ(device.at("authorized"), true);
  EXPECT_EQ(device.at("pinned_key"), device.at("offered_key"));
  EXPECT_EQ(device.str("alias"), "Main office");
  EXPECT_EQ(device.str("authorized_by"), "token:TOK-ken-of-admin (admin)");
  EXPECT_EQ(g.client.status().state, State::kAuthorised);
  device = get(kDevices);
  EXPECT_EQ(device.at("connected"), true);
  EXPECT_EQ(device.at("shared_endpoints"), 1);
  EXPECT_TRUE(device.at("last_contact").is_string());
  const json::value interfaces = device.at("interfaces");
  ASSERT_EQ(interfaces.as_array().size(), 1u);
  EXPECT_EQ(Reply::member(interfaces.as_array()[0], "name"), "port1");
  EXPECT_EQ(Reply::member(interfaces.as_array()[0], "mac"), kPort1);
}

TEST_F(ApiLab, AuthorisingDemandsTheKeyThatWasCompared) {
  TestGateway g(kSerial, 5);
  connect(g);
  const auto patch = [&](const std::string& body) { return call("PATCH", kDevices, body); };
  EXPECT_EQ(patch(R"({"authorized":true,"expected_key_sha256":")" + std::string(64, '0') + "\"}").code(), "conflict");
  EXPECT_EQ(patch(R"({"authorized":true,"expected_key_sha256":")" + std::string(64, 'x') + "\"}").code(),
            "invalid_argument");
  EXPECT_EQ(patch(R"({"expected_key_sha256":")" + key_of(g) + "\"}").code(), "invalid_argument");
  EXPECT_EQ(get(kDevices).str("state"), "pending");
  EXPECT_EQ(patch(R"({"authorized":true})").str("state"), "authorised");

  // Another device under the same serial number: repeating "authorized" does not let it in.
  TestGateway impostor(kSerial, 6);
  connect(impostor);
  Reply device = get(kDevices);
  EXPECT_EQ(device.str("state"), "conflict");
  EXPECT_EQ(device.at("authorized"), false);
  EXPECT_EQ(device.at("pinned_key", "sha256"), json::string(key_of(g)));
  EXPECT_EQ(device.at("offered_key", "sha256"), json::string(key_of(impostor)));
  const Reply again = patch(R"({"authorized":true})");
  EXPECT_EQ(again.code(), "conflict");
  EXPECT_NE(again.message().find("expected_key_sha256"), std::string::npos);
  EXPECT_EQ(get(kDevices).at("pinned_key", "sha256"), json::string(key_of(g)));
  // An administrator who compared the new key may replace it.
  device = patch(R"({"authorized":true,"expected_key_sha256":")" + key_of(impostor) + "\"}");
  EXPECT_EQ(device.str("state"), "authorised") << device.text;
  EXPECT_EQ(device.at("pinned_key", "sha256"), json::string(key_of(impostor)));
}

TEST_F(ApiLab, ARefusedDeviceLosesEverythingAndARemovedOneIsPendingAgain) {
  TestAgent a;
  join(a, kPort1);
  TestGateway g(kSerial, 5);
  set_interface(g, kPort1);
  connect(g);
  call("PATCH", kDevices, R"({"authorized":true})");
  ASSERT_EQ(g.endpoints(), 1u);
  const Reply refused = call("PATCH", kDevices, R"({"authorized":false})");
  EXPECT_EQ(refused.str("state"), "refused");
  EXPECT_NE(g.client.status().state, State::kAuthorised);
  EXPECT_EQ(call("DELETE", kDevices).status, 204);
  EXPECT_EQ(get(kDevices).code(), "not_found");
  EXPECT_EQ(call("DELETE", kDevices).code(), "not_found");
  EXPECT_EQ(call("PATCH", kDevices, R"({"alias":"x"})").code(), "not_found");
  connect(g);
  EXPECT_EQ(get(kDevices).str("state"), "pending");
}

TEST_F(ApiLab, WhatIsSharedIsChangedFieldByField) {
  TestGateway g(kSerial, 5), other("PGW0000000000002", 6);
  connect(g);
  connect(other);
  const auto patch = [&](const std::string& body) { return call("PATCH", kDevices, body); };
  Reply device = patch(R"({"tag_kinds":["fabric","security"],"endpoint_sharing":"all"})");
  EXPECT_EQ(device.at("tag_kinds"), (json::array{"security", "fabric"})) << device.text;
  EXPECT_EQ(device.str("endpoint_sharing"), "all");
  EXPECT_EQ(device.str("state"), "pending");  // sharing does not authorise
  device = patch(R"({"endpoint_sharing":"selected","selected":["PGW0000000000002"]})");
  EXPECT_EQ(device.at("selected"), json::array{"PGW0000000000002"});
  EXPECT_EQ(device.at("tag_kinds"), (json::array{"security", "fabric"}));

  const auto before = get(kDevices).body;
  EXPECT_EQ(patch("{}").code(), "invalid_argument");
  EXPECT_EQ(patch(R"({"endpoint_sharing":"some"})").code(), "invalid_argument");
  EXPECT_EQ(patch(R"({"tag_kinds":["fabric"]})").code(), "invalid_argument");
  EXPECT_EQ(patch(R"({"tag_kinds":["colour"]})").code(), "invalid_argument");
  EXPECT_EQ(patch(R"({"selected":["PGW0000000000009"]})").code(), "invalid_argument");
  EXPECT_EQ(patch(R"({"selected":["PGW0000000000001"]})").code(), "invalid_argument");
  EXPECT_EQ(patch(R"({"selected":["PGW0000000000002","PGW0000000000002"]})").code(), "invalid_argument");
  EXPECT_EQ(patch(R"({"authorized":"yes"})").code(), "invalid_argument");
  EXPECT_EQ(patch(R"({"authorised":true})").code(), "invalid_argument");
  // One bad field: nothing of the rest is done.
  EXPECT_EQ(patch(R"({"authorized":true,"selected":["PGW0000000000009"]})").code(), "invalid_argument");
  EXPECT_EQ(get(kDevices).body, before);
}

TEST_F(ApiLab, FabricDevicesAreListedPendingOnesFirst) {
  TestGateway one("PGW0000000000001", 5), two("PGW0000000000002", 6), three("PGW0000000000003", 7);
  for (auto* g : {&one, &two, &three}) connect(*g);
  call("PATCH", "/api/v1/fabric-devices/PGW0000000000001", R"({"authorized":true})");
  std::vector<std::string> order;
  std::string cursor;
  for (int page = 0; page < 4; ++page) {
    const Reply reply = get("/api/v1/fabric-devices?limit=1" + cursor);
    EXPECT_EQ(reply.at("total"), 3);
    for (const auto& item : reply.items()) order.emplace_back(Reply::member(item, "serial").get_string());
    if (reply.at("next_cursor").is_null()) break;
    cursor = "&cursor=" + reply.str("next_cursor");
  }
  EXPECT_EQ(order, (std::vector<std::string>{"PGW0000000000002", "PGW0000000000003", "PGW0000000000001"}));
  EXPECT_EQ(get("/api/v1/fabric-devices?state=authorised").at("total"), 1);
  EXPECT_EQ(get("/api/v1/fabric-devices?state=lost").code(), "invalid_argument");
}

TEST_F(ApiLab, FabricDevicesAreChangedByAdministratorsOnly) {
  TestGateway g(kSerial, 5);
  connect(g);
  EXPECT_EQ(read_only("GET", kDevices).status, 200);
  EXPECT_EQ(read_only("PATCH", kDevices, R"({"authorized":true})").code(), "permission_denied");
  EXPECT_EQ(read_only("DELETE", kDevices).code(), "permission_denied");
  EXPECT_EQ(nobody("GET", "/api/v1/fabric-devices").code(), "unauthenticated");
  EXPECT_EQ(get(kDevices).str("state"), "pending");
  // A browser without the CSRF token is another site.
  auto forged = request("PATCH", kDevices, R"({"authorized":true})");
  forged.headers.add("Cookie", sign_in().cookie);
  EXPECT_EQ(send_request(std::move(forged)).code(), "permission_denied");
  EXPECT_EQ(browse(sign_in(), "PATCH", kDevices, R"({"authorized":true})").str("state"), "authorised");
}

TEST_F(ApiLab, AnAuthorisationThatCanNotBeStoredIsNone) {
  TestAgent a;
  join(a, kPort1);
  TestGateway g(kSerial, 5);
  set_interface(g, kPort1);
  connect(g);
  disk_full(true);
  EXPECT_EQ(call("PATCH", kDevices, R"({"authorized":true})").status, 507);
  EXPECT_EQ(get(kDevices).str("state"), "pending");
  EXPECT_EQ(g.endpoints(), 0u);
  EXPECT_TRUE(g.client.status().ztna_ca_der.empty());
}

TEST_F(ApiLab, WhatAFabricDeviceReportedIsShownAndUnknownIsNotZero) {
  TestGateway g(kSerial, 5);
  const auto since = clock.now().wall;
  g.client.set_usage({2, 30, 4, 1, 0, since});
  connect(g);
  ASSERT_TRUE(authorise(g));
  Reply device = get(kDevices);
  for (const char* unknown : {"live_sessions", "decisions", "reported_at"}) {
    EXPECT_TRUE(device.at(unknown).is_null()) << unknown;
  }
  clock.advance(std::chrono::seconds(1));
  g.client.on_tick(clock.now());
  run();
  device = get(kDevices);
  EXPECT_EQ(device.at("live_sessions"), 2);
  EXPECT_EQ(device.at("decisions", "allowed"), 30);
  EXPECT_EQ(device.at("decisions", "denied"), 4);
  EXPECT_EQ(device.at("decisions", "cut"), 1);
  EXPECT_EQ(device.at("decisions", "uncounted"), 0);
  EXPECT_EQ(device.at("decisions", "since"), json::string(to_iso8601(since)));
  EXPECT_EQ(device.str("reported_at"), to_iso8601(clock.now().wall));
  disconnect(g);
  run();
  device = get(kDevices);
  EXPECT_EQ(device.at("connected"), false);
  for (const char* unknown : {"live_sessions", "decisions", "reported_at"}) {
    EXPECT_TRUE(device.at(unknown).is_null()) << unknown;
  }
}

}  // namespace
}  // namespace postern::ems::testing
