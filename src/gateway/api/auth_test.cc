// Who may ask what, and how they prove who they are.
#include <gmock/gmock.h>

#include "base/log.h"
#include "gateway/api/api_lab.h"
#include "gateway/config/secret.h"

namespace postern::gateway::api {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

const char* kStatus = "/api/v2/monitor/system/status";

class AuthTest : public ApiLab {
 protected:
  AuthTest() {
    auto t = store->begin();
    EXPECT_TRUE(t.edit({{"system admin", "admin"}}));
    EXPECT_TRUE(t.set({{"system admin", "admin"}}, "password", {hash("correct horse")}));
    EXPECT_TRUE(store->commit(t));
  }
  static const std::string& hash(const std::string& password) {
    static std::map<std::string, std::string> known;  // each takes 60 ms
    static SeededRandom random(5);
    auto& made = known[password];
    if (made.empty()) made = config::hash_password(password, random);
    return made;
  }
  LabReply sign_in(const std::string& password, const std::string& user = "admin", const std::string& more = "") {
    return ask("POST", "/api/v2/authentication",
               R"({"username":")" + user + R"(","secretkey":")" + password + "\"" + more + "}", {});
  }
  /// The cookie header that a browser would send after this answer, and the CSRF token.
  static std::pair<std::string, std::string> session_of(const LabReply& reply) {
    const auto cookies = reply.cookies();
    if (cookies.size() != 2) return {};
    const auto value = [](const std::string& cookie) { return cookie.substr(0, cookie.find(';')); };
    const auto csrf = value(cookies[1]);
    const auto quote = csrf.find('"');
    return {value(cookies[0]) + "; " + csrf, csrf.substr(quote + 1, csrf.rfind('"') - quote - 1)};
  }
};

TEST_F(AuthTest, NothingIsForEverybody) {
  for (const char* target : {kStatus, "/api/v2/cmdb/system/global", "/api/v2/monitor/no/such"}) {
    const auto reply = ask("GET", target, "", {});
    EXPECT_EQ(reply.status, 401) << target;
    EXPECT_EQ(reply.at("/status"), "error");
    EXPECT_THAT(*reply.headers.find("WWW-Authenticate"), StartsWith("Bearer"));
  }
  EXPECT_EQ(ask("GET", "/", "", {}).status, 404);
}

TEST_F(AuthTest, TokenAsBearerOrInTheAddress) {
  EXPECT_EQ(ask("GET", kStatus).status, 200);
  EXPECT_EQ(ask("GET", kStatus, "", {{"authorization", "bearer  " + token}}).status, 200);
  EXPECT_EQ(ask("GET", kStatus + std::string("?access_token=") + token, "", {}).status, 200);
  for (const auto& wrong : {std::string("x"), token + "x", token.substr(1), std::string(), std::string(5000, 'a')}) {
    EXPECT_EQ(ask("GET", kStatus, "", {{"Authorization", "Bearer " + wrong}}).status, 401) << wrong;
  }
  EXPECT_EQ(ask("GET", kStatus, "", {{"Authorization", "Basic " + token}}).status, 401);
  // What is shown must be right, even if something else that is shown is.
  EXPECT_EQ(ask("GET", kStatus + std::string("?access_token=") + token, "", {{"Authorization", "Bearer x"}}).status,
            401);
}

TEST_F(AuthTest, TokensInTheAddressCanBeTurnedOff) {
  configure("config system global\nset rest-api-key-url-query disable\nend\n");
  const auto reply = ask("GET", kStatus + std::string("?access_token=") + token, "", {});
  EXPECT_EQ(reply.status, 401);
  EXPECT_THAT(reply.cli_error(), HasSubstr("rest-api-key-url-query"));
  EXPECT_EQ(ask("GET", kStatus).status, 200);
}

TEST_F(AuthTest, TokensNeverReachALog) {
  set_log_level(LogLevel::kDebug);
  testing::internal::CaptureStderr();
  ask("GET", kStatus + std::string("?access_token=") + token, "", {});
  ask("GET", "/api/v2/cmdb/system/global?nonsense=1&access_token=" + token, "", {});
  ask("PUT", "/api/v2/cmdb/system/global?access_token=" + token, R"({"hostname":"gw"})", {});
  const auto logged = testing::internal::GetCapturedStderr();
  set_log_level(LogLevel::kInfo);
  EXPECT_THAT(logged, HasSubstr("api.request"));
  EXPECT_THAT(logged, HasSubstr("config.changed"));
  EXPECT_THAT(logged, Not(HasSubstr(token)));
}

TEST_F(AuthTest, RequestsAreLoggedWhereTheSettingSaysSo) {
  const auto logged = [&](const std::string& method, const std::string& target, const std::string& body = "") {
    testing::internal::CaptureStderr();
    cmdb(method, target, body);
    return testing::internal::GetCapturedStderr();
  };
  EXPECT_EQ(logged("GET", "firewall/address"), "");
  configure("config log setting\nset rest-api-get enable\nend\n");
  EXPECT_THAT(logged("GET", "firewall/address?filter=name==secret"),
              testing::AllOf(HasSubstr(R"("event":"api.request")"), HasSubstr(R"("by":"tests")"),
                             testing::HasSubstr(R"("address":"192.0.2.7")"),
                             testing::HasSubstr(R"("path":"/api/v2/cmdb/firewall/address")"),
                             testing::Not(testing::HasSubstr("secret"))));
  const std::string address = R"({"name":"a","subnet":"10.0.0.1/32"})";
  EXPECT_THAT(logged("POST", "firewall/address", address), testing::Not(testing::HasSubstr("api.request")));
  configure("config log setting\nset rest-api-get disable\nset rest-api-set enable\nend\n");
  EXPECT_THAT(logged("PUT", "firewall/address/a", address), testing::HasSubstr(R"("method":"PUT")"));
  EXPECT_EQ(logged("GET", "firewall/address"), "");
}

TEST_F(AuthTest, ANewKeyEndsTheOldOne) {
  const auto reply = monitor("POST", "system/api-user/generate-key", R"({"api-user":"tests"})");
  ASSERT_EQ(reply.status, 200);
  EXPECT_EQ(ask("GET", kStatus).status, 401);
  const std::string fresh(reply.at("/results/access_token").as_string());
  EXPECT_EQ(ask("GET", kStatus, "", {{"Authorization", "Bearer " + fresh}}).status, 200);
  configure("config system api-user\ndelete tests\nend\n");
  EXPECT_EQ(ask("GET", kStatus, "", {{"Authorization", "Bearer " + fresh}}).status, 401);
}

TEST_F(AuthTest, AdministratorsSignInAndOut) {
  const auto reply = sign_in("correct horse");
  ASSERT_EQ(reply.status, 200);
  EXPECT_EQ(reply.at("/status_message"), "LOGIN_SUCCESS");
  EXPECT_FALSE(reply.has("/session_key"));
  for (const auto& cookie : reply.cookies()) EXPECT_THAT(cookie, HasSubstr("; Secure"));
  EXPECT_THAT(reply.cookies().at(0), HasSubstr("HttpOnly"));
  const auto [cookie, csrf] = session_of(reply);
  EXPECT_EQ(ask("GET", kStatus, "", {{"Cookie", "other=1; " + cookie}}).status, 200);

  const std::string address_of_global = "/api/v2/cmdb/system/global", change = R"({"hostname":"gw1"})";
  EXPECT_EQ(ask("PUT", address_of_global, change, {{"Cookie", cookie}}).status, 403);
  EXPECT_EQ(ask("PUT", address_of_global, change, {{"Cookie", cookie}, {"X-CSRFTOKEN", "wrong"}}).status, 403);
  EXPECT_EQ(ask("PUT", address_of_global, change,
                {{"Cookie", cookie}, {"X-CSRFTOKEN", csrf}, {"Origin", "https://evil.example"}})
                .status,
            403);
  EXPECT_EQ(store->current()->single("system global").text("hostname"), "");
  EXPECT_EQ(ask("PUT", address_of_global, change,
                {{"Cookie", cookie}, {"X-CSRFTOKEN", '"' + csrf + '"'}, {"Origin", "https://gw.example"}})
                .status,
            200);
  EXPECT_EQ(store->current()->single("system global").text("hostname"), "gw1");

  EXPECT_EQ(ask("DELETE", "/api/v2/authentication", "", {{"Cookie", cookie}}).status, 403);
  EXPECT_EQ(ask("DELETE", "/api/v2/authentication", "", {{"Cookie", cookie}, {"X-CSRFTOKEN", csrf}}).status, 200);
  EXPECT_EQ(ask("GET", kStatus, "", {{"Cookie", cookie}}).status, 401);
}

TEST_F(AuthTest, ASessionKeyIsABearerToken) {
  const auto reply = sign_in("correct horse", "admin", R"(,"request_key":true,"ack_pre_disclaimer":true)");
  ASSERT_EQ(reply.status, 200);
  const Headers key = {{"Authorization", "Bearer " + std::string(reply.at("/session_key").as_string())}};
  EXPECT_EQ(ask("PUT", "/api/v2/cmdb/system/global", R"({"hostname":"gw1"})", key).status, 200);
  EXPECT_EQ(ask("DELETE", "/api/v2/authentication", "", key).status, 200);
  EXPECT_EQ(ask("GET", kStatus, "", key).status, 401);
}

TEST_F(AuthTest, TheOlderFormOfSigningIn) {
  EXPECT_EQ(ask("GET", "/logincheck", "", {}).status, 200);
  const auto reply = ask("POST", "/logincheck", "username=admin&secretkey=correct%20horse&ajax=1", {});
  ASSERT_EQ(reply.status, 200);
  EXPECT_THAT(reply.text, StartsWith("1"));
  const auto [cookie, csrf] = session_of(reply);
  EXPECT_EQ(ask("GET", kStatus, "", {{"Cookie", cookie}}).status, 200);
  EXPECT_EQ(ask("POST", "/logout", "", {{"Cookie", cookie}, {"X-CSRFTOKEN", csrf}}).status, 200);
  EXPECT_EQ(ask("GET", kStatus, "", {{"Cookie", cookie}}).status, 401);

  const auto wrong = ask("POST", "/logincheck", "username=admin&secretkey=no&ajax=1", {});
  EXPECT_THAT(wrong.text, StartsWith("0"));
  EXPECT_TRUE(wrong.cookies().empty());
}

TEST_F(AuthTest, WrongNameAndWrongPasswordLookAlike) {
  const auto wrong = sign_in("wrong"), unknown = sign_in("wrong", "nobody");
  EXPECT_EQ(wrong.status, 401);
  EXPECT_EQ(wrong.text, unknown.text);
  EXPECT_EQ(operations.offloaded, 2);  // both took a hash
  EXPECT_TRUE(wrong.cookies().empty());
}

TEST_F(AuthTest, AttemptsAreLimitedByAddress) {
  int refused = 0;
  operations.run_offloaded = false;
  for (int i = 0; i < 12; ++i) refused += sign_in("wrong").status == 429;
  operations.run_offloaded = true;
  EXPECT_EQ(refused, 2);
  EXPECT_EQ(operations.offloaded, 10);  // those refused cost nothing
  const auto even_right = sign_in("correct horse");
  EXPECT_EQ(even_right.status, 429);
  EXPECT_NE(even_right.headers.find("Retry-After"), nullptr);
  address = "192.0.2.8";
  EXPECT_EQ(sign_in("correct horse").status, 200);
  address = "192.0.2.7";
  clock.advance(Seconds(3));
  EXPECT_EQ(sign_in("correct horse").status, 200);
}

TEST_F(AuthTest, SessionsEndWithTimeAndWithThePassword) {
  const auto cookie = session_of(sign_in("correct horse")).first;
  clock.advance(std::chrono::minutes(29));
  EXPECT_EQ(ask("GET", kStatus, "", {{"Cookie", cookie}}).status, 200);
  clock.advance(std::chrono::minutes(31));
  EXPECT_EQ(ask("GET", kStatus, "", {{"Cookie", cookie}}).status, 401);

  const auto [second, csrf] = session_of(sign_in("correct horse"));
  const auto changed = ask("PUT", "/api/v2/cmdb/system/admin/admin", R"({"password":"battery staple"})",
                           {{"Cookie", second}, {"X-CSRFTOKEN", csrf}});
  ASSERT_EQ(changed.status, 200) << changed.text;
  EXPECT_EQ(ask("GET", kStatus, "", {{"Cookie", second}}).status, 401);
  EXPECT_EQ(sign_in("correct horse").status, 401);
  const auto third = session_of(sign_in("battery staple")).first;
  EXPECT_EQ(ask("GET", kStatus, "", {{"Cookie", third}}).status, 200);
  configure("config system admin\nedit other\nset password \"" + hash("another horse") +
            "\"\nnext\ndelete admin\nend\n");
  EXPECT_EQ(ask("GET", kStatus, "", {{"Cookie", third}}).status, 401);
}

TEST_F(AuthTest, SigningInTakesNothingElse) {
  const std::string at = "/api/v2/authentication";
  EXPECT_EQ(ask("POST", at, "username=admin", {}).status, 400);
  EXPECT_EQ(ask("POST", at, R"({"username":"admin"})", {}).status, 400);
  EXPECT_EQ(ask("POST", at, R"({"username":["admin"],"secretkey":"x"})", {}).status, 400);
  EXPECT_EQ(ask("POST", at, R"({"username":"admin","secretkey":"x","is_admin":true})", {}).status, 400);
  EXPECT_EQ(ask("POST", at, R"({"username":"a","username":"b","secretkey":"x"})", {}).status, 400);
  EXPECT_EQ(ask("GET", at, "", {}).status, 405);
  EXPECT_EQ(ask("POST", at, R"({"username":"admin","secretkey":"correct horse"})", {{"Origin", "https://evil.example"}})
                .status,
            403);
  EXPECT_EQ(operations.offloaded, 0);
}

TEST_F(AuthTest, EveryAnswerForbidsWhatBrowsersNeedNotDo) {
  for (const auto& reply : {ask("GET", kStatus), ask("GET", "/nothing", "", {}), ask("GET", "/logincheck", "", {})}) {
    EXPECT_EQ(*reply.headers.find("Cache-Control"), "no-store");
    EXPECT_EQ(*reply.headers.find("X-Content-Type-Options"), "nosniff");
    EXPECT_NE(reply.headers.find("Content-Security-Policy"), nullptr);
  }
}

}  // namespace
}  // namespace postern::gateway::api
