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

TEST_F(ApiLab, ARiskSaysWhatIsWrongWithIt) {
  EXPECT_EQ(read_only("POST", "/api/v1/risks", kRisk).status, 403);
  EXPECT_EQ(nobody("GET", "/api/v1/risks").code(), "unauthenticated");
  const std::pair<const char*, const char*> bad[] = {
      {R"({"cve":"CVE-2099-1","reason":"r"})", "expires_at"},
      {R"({"cve":"CVE-2099-1","reason":"r","expires_at":"soon"})", "expires_at"},
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
