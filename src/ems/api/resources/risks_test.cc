#include "ems/api/api_lab.h"

namespace postern::ems::testing {
namespace {

constexpr const char* kRisk =
    R"({"cve":"CVE-2026-0001","source":"openssl","reason":"not reachable","expires_at":"2026-06-28T00:00:00Z"})";

TEST_F(ApiLab, RisksAreAcceptedListedAndTakenBack) {
  EXPECT_EQ(get("/api/v1/risks").at("total"), 0);
  const Reply made = post("/api/v1/risks", kRisk);
  ASSERT_EQ(made.status, 201) << made.text;
  const auto id = made.str("id");
  EXPECT_TRUE(id.starts_with("RSK-"));
  EXPECT_EQ(made.body, (json::object{{"id", id},
                                     {"state", "in_force"},
                                     {"cve", "CVE-2026-0001"},
                                     {"source", "openssl"},
                                     {"version", nullptr},
                                     {"scope", "all"},
                                     {"host_name", nullptr},
                                     {"reason", "not reachable"},
                                     {"accepted_by", made.str("accepted_by")},
                                     {"accepted_at", "2026-05-28T20:26:40.000Z"},
                                     {"expires_at", "2026-06-28T00:00:00.000Z"}}))
      << made.text;
  EXPECT_NE(made.str("accepted_by").find("admin"), std::string::npos);
  EXPECT_EQ(read_only("GET", "/api/v1/risks").items().at(0), made.body);
  EXPECT_EQ(read_only("GET", "/api/v1/risks/" + id).body, made.body);
  EXPECT_EQ(read_only("DELETE", "/api/v1/risks/" + id).status, 403);
  restart_all();
  EXPECT_EQ(get("/api/v1/risks/" + id).str("cve"), "CVE-2026-0001");
  EXPECT_EQ(call("DELETE", "/api/v1/risks/" + id).status, 204);
  EXPECT_EQ(get("/api/v1/risks/" + id).code(), "not_found");
  EXPECT_EQ(call("DELETE", "/api/v1/risks/" + id).code(), "not_found");
}

TEST_F(ApiLab, RisksAreInTheOrderInWhichTheyMatterOrAsTheyAreSorted) {
  TestAgent a;
  join(a);
  const auto accept = [&](const std::string& cve, const std::string& until, const std::string& more = "") {
    const Reply made = post("/api/v1/risks", R"({"cve":")" + cve + R"(","reason":"r","expires_at":")" + until + "\"" + more + "}");
    EXPECT_EQ(made.status, 201) << made.text;
    clock.advance(Seconds(1));
  };
  accept("CVE-2024-10001", "2026-05-28T21:00:00Z");
  accept("CVE-2024-3094", "2026-05-28T21:30:00Z", R"(,"source":"xz-utils")");
  accept("CVE-2026-0003", "2026-08-01T00:00:00Z", R"(,"scope":")" + a.uid().str() + "\"");
  accept("CVE-2026-0004", "2026-07-01T00:00:00Z");
  clock.advance(Seconds(7200));
  core->tick(clock.now());
  run();
  const auto listed = [&](const std::string& query) {
    std::string out, path = "/api/v1/risks?limit=2" + query;
    for (std::string cursor;;) {  // two pages: what a page ended with is found again in either direction
      const Reply page = get(path + (cursor.empty() ? "" : "&cursor=" + cursor));
      for (const auto& item : page.items()) out += std::string(item.at("cve").as_string()).substr(9) + " ";
      if (cursor = page.str("next_cursor"); cursor.empty()) return out;
    }
  };
  EXPECT_EQ(listed(""), "0004 0003 3094 10001 ");
  EXPECT_EQ(listed("&state=in_force"), "0004 0003 ");
  EXPECT_EQ(listed("&state=expired"), "3094 10001 ");
  EXPECT_EQ(listed("&sort=cve"), "3094 10001 0003 0004 ");
  EXPECT_EQ(listed("&sort=-cve"), "0004 0003 10001 3094 ");
  EXPECT_EQ(listed("&sort=expires_at"), "10001 3094 0004 0003 ");
  EXPECT_EQ(listed("&sort=-accepted_at"), "0004 0003 3094 10001 ");
  EXPECT_EQ(listed("&q=win10"), "0003 ");
  EXPECT_EQ(listed("&q=xz-"), "3094 ");
  EXPECT_EQ(get("/api/v1/risks?q=win10").items().at(0).at("host_name"), "WIN10-01");
  EXPECT_EQ(get("/api/v1/risks?state=odd").code(), "invalid_argument");
}

TEST_F(ApiLab, ARiskSaysWhatIsWrongWithIt) {
  EXPECT_EQ(read_only("POST", "/api/v1/risks", kRisk).status, 403);
  EXPECT_EQ(nobody("GET", "/api/v1/risks").code(), "unauthenticated");
  const std::pair<const char*, const char*> bad[] = {
      {R"({"cve":"CVE-2099-1","reason":"r"})", "expires_at"},
      {R"({"cve":"CVE-2099-1","reason":"r","expires_at":"soon"})", "expires_at"},
      {R"({"cve":"cve-2099-1","reason":"r","expires_at":"2026-06-28T00:00:00Z"})", "\"cve-2099-1\""},
      {R"({"cve":"CVE-2099-1","reason":"r","expires_at":"2036-06-28T00:00:00Z"})", "a year"},
      {R"({"cve":"CVE-2099-1","reason":"r","expires_at":"2020-06-28T00:00:00Z"})", "expires_at"},
      {R"({"cve":"CVE-2099-1","expires_at":"2026-06-28T00:00:00Z"})", "reason"},
      {R"({"reason":"r","expires_at":"2026-06-28T00:00:00Z"})", "cve"},
      // An empty text is a variable that nobody set, and not any source or version.
      {R"({"cve":"CVE-2099-1","reason":"r","source":"","expires_at":"2026-06-28T00:00:00Z"})", "source"},
      {R"({"cve":"CVE-2099-1","reason":"r","version":"","expires_at":"2026-06-28T00:00:00Z"})", "version"},
      {R"({"cve":"CVE-2099-1","reason":"r","expires_at":"2026-06-28T00:00:00Z","forever":true})", "forever"}};
  for (const auto& [body, says] : bad) {
    const Reply reply = post("/api/v1/risks", body);
    EXPECT_EQ(reply.status, 400) << body;
    EXPECT_NE(reply.message().find(says), std::string::npos) << reply.text;
  }
  EXPECT_EQ(post("/api/v1/risks", R"({"cve":"CVE-2099-1","reason":"r","scope":"nobody","expires_at":"2026-06-28T00:00:00Z"})").code(),
            "not_found");
}

}  // namespace
}  // namespace postern::ems::testing
