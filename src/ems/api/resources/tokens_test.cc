#include "ems/api/api_lab.h"

namespace postern::ems::testing {
namespace {

TEST_F(ApiLab, ATokenIsShownOnceAndKeptAsItsDigest) {
  const Reply made = post("/api/v1/tokens", R"({"name":"backup","role":"readonly","expires_in":3600})");
  ASSERT_EQ(made.status, 201) << made.text;
  const std::string text = made.str("token");
  EXPECT_GT(text.size(), 40u);
  EXPECT_EQ(made.str("role"), "readonly");
  EXPECT_EQ(made.str("user"), "admin");
  EXPECT_EQ(made.str("expires_at"), to_iso8601(clock.now().wall + Seconds(3600)));
  EXPECT_EQ(call_with(text, "GET", "/api/v1/ems").status, 200);
  EXPECT_EQ(call_with(text, "POST", "/api/v1/tokens", R"({"name":"x"})").status, 403);

  const Reply list = get("/api/v1/tokens");
  ASSERT_EQ(list.status, 200);
  EXPECT_EQ(list.at("total"), json::value(3));
  EXPECT_EQ(list.text.find(text), std::string::npos);
  ASSERT_TRUE(store.load([&](TableId, std::string_view, std::string_view value) -> Status {
    EXPECT_EQ(value.find(text), std::string_view::npos);
    return {};
  }));
  const auto log = core->audit(0, 100);
  ASSERT_TRUE(log);
  for (const auto& entry : *log) EXPECT_EQ((entry.object + entry.detail).find(text), std::string::npos);

  restart_all();
  EXPECT_EQ(call_with(text, "GET", "/api/v1/ems").status, 200);
  EXPECT_EQ(call("DELETE", "/api/v1/tokens/" + made.str("id")).status, 204);
  EXPECT_EQ(call_with(text, "GET", "/api/v1/ems").status, 401);
  EXPECT_EQ(call("DELETE", "/api/v1/tokens/" + made.str("id")).status, 404);
}

TEST_F(ApiLab, AReadonlyTokenEndsItselfAndNoOther) {
  const Reply made = post("/api/v1/tokens", R"({"name":"laptop","role":"readonly"})");
  const Reply other = post("/api/v1/tokens", R"({"name":"another of the same person","role":"readonly"})");
  ASSERT_EQ(made.status, 201);
  ASSERT_EQ(other.status, 201);
  const Reply refused = call_with(made.str("token"), "DELETE", "/api/v1/tokens/" + other.str("id"));
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(refused.code(), "permission_denied");
  EXPECT_EQ(call_with(made.str("token"), "DELETE", "/api/v1/tokens/TOK-NONE").status, 403);
  EXPECT_EQ(call_with(made.str("token"), "DELETE", "/api/v1/tokens/" + made.str("id")).status, 204);
  EXPECT_EQ(call_with(made.str("token"), "GET", "/api/v1/ems").status, 401);
  EXPECT_EQ(call_with(other.str("token"), "GET", "/api/v1/ems").status, 200);
}

TEST_F(ApiLab, AReaderWhoSignedInEndsTheirOwnTokensOnly) {
  const Browser reader = sign_in("reader");
  const auto id = [&](const std::string& user) {
    for (const auto& token : get("/api/v1/tokens").items()) {
      if (token.at("user").as_string() == user) return std::string(token.at("id").as_string());
    }
    return std::string();
  };
  EXPECT_EQ(browse(reader, "DELETE", "/api/v1/tokens/" + id("admin")).status, 403);
  EXPECT_EQ(browse(reader, "DELETE", "/api/v1/tokens/" + id("reader")).status, 204);
  EXPECT_EQ(id("reader"), "");
}

TEST_F(ApiLab, ATokenCanNotMakeOneThatOutlivesIt) {
  const Reply first = post("/api/v1/tokens", R"({"name":"short","expires_in":3600})");
  ASSERT_EQ(first.status, 201);
  for (const char* body : {R"({"name":"for ever"})", R"({"name":"longer","expires_in":7200})"}) {
    const Reply second = call_with(first.str("token"), "POST", "/api/v1/tokens", body);
    ASSERT_EQ(second.status, 201);
    EXPECT_EQ(second.str("expires_at"), first.str("expires_at"));
  }
  const Reply shorter = call_with(first.str("token"), "POST", "/api/v1/tokens", R"({"name":"x","expires_in":60})");
  EXPECT_EQ(shorter.str("expires_at"), to_iso8601(clock.now().wall + Seconds(60)));
}

TEST_F(ApiLab, TokensRefuseBadInputAndAFullDisk) {
  for (const char* body :
       {"", "{}", R"({"name":""})", R"({"name":"x","role":"root"})", R"({"name":"x","expires_in":59})",
        R"({"name":"x","expires_in":1.5})", R"({"name":"x","expires_in":"60"})", R"({"name":"x","id":"y"})", "[]",
        "{\"name\":\"a\\u0000b\"}"}) {
    const Reply reply = post("/api/v1/tokens", body);
    EXPECT_EQ(reply.status, 400) << body;
    EXPECT_EQ(reply.code(), "invalid_argument") << body;
  }
  disk_full(true);
  const Reply full = post("/api/v1/tokens", R"({"name":"x"})");
  EXPECT_EQ(full.status, 507);
  EXPECT_EQ(full.str("token"), "");
  EXPECT_EQ(
      call("DELETE", "/api/v1/tokens/" + std::string(get("/api/v1/tokens").items()[0].at("id").as_string())).status,
      507);
  EXPECT_EQ(get("/api/v1/tokens").items().size(), 2u);  // and this token still works
  disk_full(false);
}

}  // namespace
}  // namespace postern::ems::testing
