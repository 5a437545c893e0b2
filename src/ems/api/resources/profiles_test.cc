#include "ems/api/api_lab.h"
#include "wire/telemetry.pb.h"

namespace postern::ems::testing {
namespace {

TEST_F(ApiLab, AProfileIsCreatedChangedAndDeleted) {
  EXPECT_EQ(get("/api/v1/profiles").at("total"), 1);
  Reply p = call("PUT", "/api/v1/profiles/Strict", R"({"show_security_posture_tag":true,"comment":"two\nlines"})");
  EXPECT_EQ(p.status, 200) << p.text;
  EXPECT_EQ(p.body, (json::value{{"name", "Strict"},
                                 {"show_security_posture_tag", true},
                                 {"vulnerability_scan", true},
                                 {"inventory_interval_s", 3600},
                                 {"comment", "two\nlines"}}));
  // What is not given stays; what was read can be sent back.
  p = call("PUT", "/api/v1/profiles/Strict", R"({"inventory_interval_s":60,"vulnerability_scan":false})");
  EXPECT_EQ(p.at("show_security_posture_tag"), true);
  EXPECT_EQ(p.at("inventory_interval_s"), 60);
  EXPECT_EQ(call("PUT", "/api/v1/profiles/Strict", p.text).body, p.body);
  restart_all();
  EXPECT_EQ(get("/api/v1/profiles/Strict").body, p.body);
  EXPECT_EQ(call("DELETE", "/api/v1/profiles/Strict").status, 204);
  EXPECT_EQ(get("/api/v1/profiles/Strict").code(), "not_found");
  EXPECT_EQ(call("DELETE", "/api/v1/profiles/Strict").code(), "not_found");
}

TEST_F(ApiLab, ABadProfileIsRefusedAndTheOldOneStays) {
  const auto before = get("/api/v1/profiles/Default").body;
  const auto put = [&](const std::string& body) { return call("PUT", "/api/v1/profiles/Default", body); };
  EXPECT_EQ(put(R"({"inventory_interval_s":59})").message(), "inventory_interval_s: must be 60 to 604800, not 59");
  EXPECT_EQ(put(R"({"inventory_interval_s":604801})").code(), "invalid_argument");
  EXPECT_EQ(put(R"({"vulnerability_scan":"off"})").code(), "invalid_argument");
  EXPECT_EQ(put(R"({"colour":"red"})").code(), "invalid_argument");
  EXPECT_EQ(put(R"({"name":"Other"})").code(), "invalid_argument");
  EXPECT_EQ(call("PUT", "/api/v1/profiles/a%2Fb", "{}").code(), "not_found");  // two segments: no such address
  EXPECT_EQ(call("PUT", "/api/v1/profiles/a%3Ab", "{}").code(), "invalid_argument");
  EXPECT_EQ(get("/api/v1/profiles/Default").body, before);
  EXPECT_EQ(get("/api/v1/profiles").at("total"), 1);
}

TEST_F(ApiLab, TheDefaultProfileAndOneInUseStay) {
  EXPECT_EQ(call("DELETE", "/api/v1/profiles/Default").code(), "conflict");
  call("PUT", "/api/v1/profiles/Strict", "{}");
  TestAgent a;
  join(a);
  core->set_endpoint_profile(clock.now(), admin, a.uid(), "Strict", nullptr);
  settle();
  const Reply used = call("DELETE", "/api/v1/profiles/Strict");
  EXPECT_EQ(used.code(), "conflict");
  EXPECT_EQ(get("/api/v1/profiles/Strict").status, 200);
}

TEST_F(ApiLab, AgentsHearOfAChangedProfile) {
  TestAgent a;
  join(a);
  ASSERT_NE(a.last(wire::TelemetryFrame::kProfile), nullptr);
  EXPECT_FALSE(a.last(wire::TelemetryFrame::kProfile)->profile().show_tags());
  call("PUT", "/api/v1/profiles/Default", R"({"show_security_posture_tag":true,"inventory_interval_s":120})");
  EXPECT_TRUE(a.last(wire::TelemetryFrame::kProfile)->profile().show_tags());
}

TEST_F(ApiLab, ProfilesArePagedAndChangedByAdministratorsOnly) {
  for (const char* name : {"A", "B"}) call("PUT", std::string("/api/v1/profiles/") + name, "{}");
  const Reply page = read_only("GET", "/api/v1/profiles?limit=2");
  EXPECT_EQ(page.items().size(), 2u);
  EXPECT_EQ(page.at("total"), 3);
  const Reply rest = read_only("GET", "/api/v1/profiles?limit=2&cursor=" + page.str("next_cursor"));
  ASSERT_EQ(rest.items().size(), 1u);
  EXPECT_EQ(Reply::member(rest.items()[0], "name"), "Default");
  EXPECT_EQ(read_only("PUT", "/api/v1/profiles/A", R"({"comment":"x"})").code(), "permission_denied");
  EXPECT_EQ(read_only("DELETE", "/api/v1/profiles/A").code(), "permission_denied");
  EXPECT_EQ(get("/api/v1/profiles/A").str("comment"), "");
}

TEST_F(ApiLab, AProfileThatCanNotBeStoredIsNotAcknowledged) {
  disk_full(true);
  EXPECT_EQ(call("PUT", "/api/v1/profiles/Default", R"({"comment":"new"})").status, 507);
  EXPECT_EQ(call("PUT", "/api/v1/profiles/New", "{}").status, 507);
  EXPECT_EQ(get("/api/v1/profiles/Default").str("comment"), "");
  EXPECT_EQ(get("/api/v1/profiles/New").code(), "not_found");
}

}  // namespace
}  // namespace postern::ems::testing
