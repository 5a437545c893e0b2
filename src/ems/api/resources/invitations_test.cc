#include "ems/api/api_lab.h"
#include "proto/invitation.h"

namespace postern::ems::testing {
namespace {

TEST_F(ApiLab, AnAgentEnrolsWithWhatTheApiGave) {
  const Reply made = post("/api/v1/invitations", R"({"expires_in":600,"max_uses":2,"note":"laptops"})");
  ASSERT_EQ(made.status, 201) << made.text;
  const auto parsed = proto::parse_invitation(made.str("invitation"));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->code, made.str("code"));
  EXPECT_EQ(parsed->addresses, std::vector<std::string>{"127.0.0.1:8013"});
  EXPECT_EQ(to_hex_lower(parsed->root_key_sha256), get("/api/v1/ems").str("root_key_sha256"));
  const std::string one = "/api/v1/invitations/" + made.str("id");
  EXPECT_EQ(get(one).str("state"), "open");

  TestAgent first, second, third;
  EXPECT_EQ(enrol(first, made.str("code")), "");
  const Reply used = get(one);
  EXPECT_EQ(used.at("uses"), json::value(1));
  EXPECT_EQ(used.at("max_uses"), json::value(2));
  EXPECT_EQ(used.str("note"), "laptops");
  EXPECT_EQ(used.str("created_by"), "token:TOK-ken-of-admin (admin)");
  EXPECT_EQ(used.str("expires_at"), to_iso8601(clock.now().wall + Seconds(600)));
  EXPECT_EQ(used.text.find(made.str("code")), std::string::npos);
  EXPECT_EQ(enrol(second, made.str("code"), "other"), "");
  EXPECT_EQ(get(one).str("state"), "used_up");
  EXPECT_NE(enrol(third, made.str("code"), "third"), "");
}

TEST_F(ApiLab, AnInvitationHasDefaultsAndEnds) {
  const Reply made = post("/api/v1/invitations");
  ASSERT_EQ(made.status, 201);
  EXPECT_EQ(made.at("max_uses"), json::value(1));
  EXPECT_EQ(made.str("expires_at"), to_iso8601(clock.now().wall + Seconds(7 * 24 * 3600)));
  const std::string one = "/api/v1/invitations/" + made.str("id");
  EXPECT_EQ(call("DELETE", one).status, 204);
  EXPECT_EQ(get(one).str("state"), "revoked");
  TestAgent agent;
  EXPECT_NE(enrol(agent, made.str("code")), "");

  const Reply second = post("/api/v1/invitations", R"({"expires_in":60})");
  pass(Seconds(60));
  EXPECT_EQ(get("/api/v1/invitations/" + second.str("id")).str("state"), "expired");
  EXPECT_EQ(get("/api/v1/invitations/INV-NOTTHERE").status, 404);
  EXPECT_EQ(call("DELETE", "/api/v1/invitations/INV-NOTTHERE").status, 404);
}

TEST_F(ApiLab, InvitationsRefuseBadInputAndAFullDisk) {
  for (const char* body :
       {R"({"expires_in":59})", R"({"expires_in":31536001})", R"({"max_uses":0})", R"({"max_uses":1000001})",
        R"({"max_uses":-1})", R"({"expires_in":null})", R"({"uses":1})", "7", R"({"note":"a\nb"})"}) {
    EXPECT_EQ(post("/api/v1/invitations", body).status, 400) << body;
  }
  EXPECT_EQ(post("/api/v1/invitations", json::serialize(json::object{{"note", std::string(256, 'x')}})).status, 400);
  disk_full(true);
  const Reply full = post("/api/v1/invitations");
  EXPECT_EQ(full.status, 507);
  EXPECT_EQ(full.code(), "resource_exhausted");
  EXPECT_EQ(full.str("code"), "");
  disk_full(false);
  EXPECT_EQ(get("/api/v1/invitations").at("total"), json::value(0));
}

TEST_F(ApiLab, InvitationsComeInPagesNewestFirst) {
  std::vector<std::string> made;
  for (int i = 0; i < 5; ++i) {
    made.insert(made.begin(), post("/api/v1/invitations").str("id"));
    clock.advance(std::chrono::seconds(1));
  }
  std::vector<std::string> seen;
  std::string cursor;
  for (int page = 0; page < 3; ++page) {
    const Reply reply = get("/api/v1/invitations?limit=2" + (cursor.empty() ? "" : "&cursor=" + cursor));
    ASSERT_EQ(reply.status, 200) << reply.text;
    EXPECT_EQ(reply.at("total"), json::value(5));
    for (const auto& item : reply.items()) seen.emplace_back(item.at("id").as_string());
    cursor = reply.str("next_cursor");
    EXPECT_EQ(cursor.empty(), page == 2);
  }
  EXPECT_EQ(seen, made);
  EXPECT_EQ(get("/api/v1/invitations?cursor=bm9uc2Vuc2U").status, 400);
  EXPECT_EQ(get("/api/v1/invitations?limit=0").status, 400);
  EXPECT_EQ(get("/api/v1/invitations?limit=1001").status, 400);
  EXPECT_EQ(get("/api/v1/invitations?limit=-1").status, 400);
}

}  // namespace
}  // namespace postern::ems::testing
