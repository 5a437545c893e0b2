// Who may do what over the API: passwords, sessions, tokens, roles, other sites.
#include "ems/api/api_lab.h"
#include "ems/api/sessions.h"

namespace postern::ems::testing {
namespace {

using namespace std::chrono_literals;
constexpr const char* kNewPassword = "Another-Long-Secret";

std::string password_change(const std::string& old_password, const std::string& new_password) {
  return json::serialize(json::object{{"old_password", old_password}, {"new_password", new_password}});
}

TEST_F(ApiLab, SigningInGivesACookieACsrfTokenAndTheRole) {
  const Reply reply = try_sign_in("admin", kPassword);
  ASSERT_EQ(reply.status, 200) << reply.text;
  EXPECT_EQ(reply.str("user"), "admin");
  EXPECT_EQ(reply.str("role"), "admin");
  EXPECT_EQ(reply.at("must_change_password"), json::value(false));
  EXPECT_FALSE(reply.str("csrf_token").empty());
  const std::string set = reply.header("Set-Cookie");
  for (const char* part : {"__Host-postern-ems=", "Path=/", "Secure", "HttpOnly", "SameSite=Strict"}) {
    EXPECT_NE(set.find(part), std::string::npos) << part;
  }
  const Browser browser{reply.cookie(), reply.str("csrf_token")};
  const Reply session = browse(browser, "GET", "/api/v1/auth/session");
  ASSERT_EQ(session.status, 200);
  EXPECT_EQ(session.body, reply.body);
  EXPECT_EQ(session.header("Cache-Control"), "no-store");
  EXPECT_EQ(session.header("X-Frame-Options"), "DENY");

  ASSERT_EQ(browse(browser, "POST", "/api/v1/auth/signout").status, 204);
  EXPECT_EQ(browse(browser, "GET", "/api/v1/auth/session").status, 401);
}

TEST_F(ApiLab, AWrongPasswordAndAWrongNameAreTheSameAnswer) {
  const Reply password = try_sign_in("admin", "not it");
  const Reply name = try_sign_in("nobody", kPassword);
  for (const Reply* reply : {&password, &name}) {
    EXPECT_EQ(reply->status, 401);
    EXPECT_EQ(reply->code(), "unauthenticated");
    EXPECT_EQ(reply->message(), "name or password is wrong");
    EXPECT_EQ(reply->cookie(), "");
  }
  // Both are in the log of who did what, with the address.
  const auto log = *core->audit(0, 10);
  ASSERT_GE(log.size(), 2u);
  EXPECT_EQ(log[0].action, "signin.refused");
  EXPECT_EQ(log[0].object, "nobody");
  EXPECT_EQ(log[1].object, "admin");
  EXPECT_EQ(log[1].source, "192.0.2.7");
}

TEST_F(ApiLab, SignInTakesExactlyItsFields) {
  const auto status = [&](const std::string& body) { return nobody("POST", "/api/v1/auth/signin", body).status; };
  EXPECT_EQ(status(""), 400);
  EXPECT_EQ(status("{"), 400);
  EXPECT_EQ(status(R"({"name":"admin"})"), 400);
  EXPECT_EQ(status(R"({"name":"admin","password":7})"), 400);
  EXPECT_EQ(status(R"({"name":"admin","password":"x","role":"admin"})"), 400);
  EXPECT_EQ(status(R"({"name":"admin","name":"reader","password":"x"})"), 400);
  EXPECT_EQ(status(std::string(100'000, ' ')), 413);
}

TEST_F(ApiLab, PasswordsAreTriedAtALimitedRatePerAddress) {
  int tried = 0;
  Reply reply;
  for (; tried < 100; ++tried) {
    reply = try_sign_in("admin", "guess");
    if (reply.status != 401) break;
  }
  EXPECT_EQ(reply.status, 429);
  EXPECT_EQ(reply.code(), "resource_exhausted");
  EXPECT_GT(std::stoi(reply.header("Retry-After")), 0);
  EXPECT_LE(tried, 20);
  EXPECT_EQ(try_sign_in("admin", kPassword).status, 429);  // the right one is not even looked at
  // Others are not locked out, whoever is attacked.
  auto other = request("POST", "/api/v1/auth/signin", R"({"name":"admin","password":"Correct-Horse-Battery"})");
  other.peer.remote_ip = *IpAddress::parse("192.0.2.8");
  EXPECT_EQ(send_request(other).status, 200);
  // A whole IPv6 network is one address: it belongs to one guesser.
  for (int i = 0; i < 20; ++i) {
    auto guess = request("POST", "/api/v1/auth/signin", R"({"name":"admin","password":"guess"})");
    guess.peer.remote_ip = *IpAddress::parse("2001:db8::" + std::to_string(i + 1));
    EXPECT_EQ(send_request(guess).status, 401);
  }
  auto one_more = request("POST", "/api/v1/auth/signin", R"({"name":"admin","password":"guess"})");
  one_more.peer.remote_ip = *IpAddress::parse("2001:db8::ffff");
  EXPECT_EQ(send_request(one_more).status, 429);

  clock.advance(60s);
  EXPECT_EQ(try_sign_in("admin", kPassword).status, 200);
}

TEST_F(ApiLab, AFloodOfRefusalsDoesNotHideWhoCameIn) {
  const auto logged = [&](const std::string& action, const std::string& object) {
    return std::ranges::count_if(*core->audit(0, 1000),
                                 [&](const auto& e) { return e.action == action && e.object == object; });
  };
  pass(60s);  // a whole minute
  for (int i = 0; i < 100; ++i) core->note_refusal(clock.now(), {"admin", "192.0.2.9"}, "signin.refused", "admin", "");
  const Browser browser = sign_in();
  ASSERT_EQ(browse(browser, "POST", "/api/v1/auth/signout").status, 204);
  EXPECT_EQ(logged("signin.refused", "admin"), 60);
  EXPECT_EQ(logged("signin", "admin"), 1);
  EXPECT_EQ(logged("signout", "admin"), 1);
  // Neither does one who comes in over and over hide others, nor fill the disk.
  for (int i = 0; i < 100; ++i) core->note(clock.now(), {"reader", "192.0.2.9"}, "signin", "reader", "");
  sign_in();
  EXPECT_EQ(logged("signin", "reader"), 60);
  EXPECT_EQ(logged("signin", "admin"), 2);
  pass(60s);
  EXPECT_EQ(logged("audit.limited", ""), 1);
  EXPECT_EQ(logged("audit.limited", "reader"), 1);
  EXPECT_EQ(core->audit(0, 1)->front().detail, "40 more entries of this administrator within a minute");
}

TEST_F(ApiLab, OnlySoManyPasswordsAreHashedAtOnce) {
  std::vector<std::shared_ptr<Reply>> replies;
  for (int i = 0; i < 6; ++i) {
    replies.push_back(
        begin(request("POST", "/api/v1/auth/signin", R"({"name":"admin","password":"Correct-Horse-Battery"})")));
  }
  EXPECT_EQ(replies[4]->status, 503);
  EXPECT_EQ(replies[5]->status, 503);
  EXPECT_EQ(replies[5]->header("Retry-After"), "1");
  settle();
  for (int i = 0; i < 4; ++i) EXPECT_EQ(replies[i]->status, 200);
  EXPECT_EQ(try_sign_in("admin", kPassword).status, 200);
}

TEST_F(ApiLab, APasswordThatNobodyLookedAtIsNoAttempt) {
  const Browser browser = sign_in();
  std::vector<std::shared_ptr<Reply>> busy;
  for (std::size_t i = 0; i < 4; ++i) {
    busy.push_back(
        begin(request("POST", "/api/v1/auth/signin", R"({"name":"admin","password":"Correct-Horse-Battery"})")));
  }
  auto change = request("POST", "/api/v1/auth/password", password_change(kPassword, kNewPassword));
  change.headers.add("Cookie", browser.cookie);
  change.headers.add("X-CSRF-Token", browser.csrf_token);
  for (int i = 0; i < 30; ++i) {
    const auto in =
        begin(request("POST", "/api/v1/auth/signin", R"({"name":"admin","password":"Correct-Horse-Battery"})"));
    EXPECT_EQ(in->status, 503) << i;
    EXPECT_EQ(begin(change)->status, 503) << i;
  }
  settle();
  for (const auto& reply : busy) EXPECT_EQ(reply->status, 200);
  EXPECT_EQ(try_sign_in("admin", kPassword).status, 200);
}

TEST_F(ApiLab, ASessionMustShowItsCsrfTokenToChangeAnything) {
  Browser browser = sign_in();
  const std::string body = R"({"name":"x"})";
  Browser without = browser;
  without.csrf_token.clear();
  Browser other = browser;
  other.csrf_token = sign_in().csrf_token;
  for (const Browser& b : {without, other}) {
    const Reply reply = browse(b, "POST", "/api/v1/tokens", body);
    EXPECT_EQ(reply.status, 403);
    EXPECT_EQ(reply.code(), "permission_denied");
    EXPECT_EQ(browse(b, "GET", "/api/v1/tokens").status, 200);  // reading needs none
  }
  EXPECT_EQ(core->api_tokens().size(), 2u);
  EXPECT_EQ(browse(browser, "POST", "/api/v1/tokens", body).status, 201);
}

TEST_F(ApiLab, AnotherSiteCanNotMakeABrowserSendAnything) {
  const Browser browser = sign_in();
  const auto from = [&](const std::string& header, const std::string& value) {
    auto r = request("POST", "/api/v1/tokens", R"({"name":"x"})");
    r.headers.add("Cookie", browser.cookie);
    r.headers.add("X-CSRF-Token", browser.csrf_token);
    r.headers.add(header, value);
    return send_request(r).status;
  };
  EXPECT_EQ(from("Origin", "https://evil.test"), 403);
  EXPECT_EQ(from("Origin", "http://ems.test:8443"), 403);
  EXPECT_EQ(from("Origin", "https://ems.test"), 403);  // another port is another site
  EXPECT_EQ(from("Origin", "null"), 403);
  EXPECT_EQ(from("Sec-Fetch-Site", "cross-site"), 403);
  EXPECT_EQ(from("Sec-Fetch-Site", "same-site"), 403);
  EXPECT_EQ(core->api_tokens().size(), 2u);
  EXPECT_EQ(from("Origin", "https://ems.test:8443"), 201);
  EXPECT_EQ(from("Sec-Fetch-Site", "same-origin"), 201);
  // Not even signing somebody in.
  auto planted = request("POST", "/api/v1/auth/signin", R"({"name":"admin","password":"Correct-Horse-Battery"})");
  planted.headers.add("Origin", "https://evil.test");
  EXPECT_EQ(send_request(planted).status, 403);
}

TEST_F(ApiLab, ARequestWithAnAuthorizationHeaderIsJudgedByItAlone) {
  const Browser browser = sign_in();
  const auto with = [&](const std::vector<std::string>& authorizations) {
    auto r = request("GET", "/api/v1/ems");
    r.headers.add("Cookie", browser.cookie);
    for (const std::string& a : authorizations) r.headers.add("Authorization", a);
    return send_request(r);
  };
  EXPECT_EQ(with({}).status, 200);
  EXPECT_EQ(with({"Bearer " + admin_token}).status, 200);
  EXPECT_EQ(with({"bearer  " + admin_token + " "}).status, 200);
  for (const std::string& wrong :
       {std::string("Bearer nonsense"), std::string("Bearer"), std::string("Bearer "), std::string(),
        "Basic " + admin_token, admin_token, "Bearer " + admin_token + "x", "Bearer " + std::string(100'000, 'x')}) {
    const Reply reply = with({wrong});
    EXPECT_EQ(reply.status, 401) << wrong.substr(0, 40);
    EXPECT_EQ(reply.code(), "unauthenticated");
    EXPECT_NE(reply.header("WWW-Authenticate"), "");
  }
  EXPECT_EQ(with({"Bearer " + admin_token, "Bearer " + admin_token}).status, 401);
}

TEST_F(ApiLab, ATokenRunsOutAndEndsWithItsMaker) {
  add_token("admin", "pst_short-lived-token", AdministratorRole::kAdmin, clock.now().wall + Millis(60'000));
  EXPECT_EQ(call_with("pst_short-lived-token", "GET", "/api/v1/ems").status, 200);
  pass(59s);
  EXPECT_EQ(call_with("pst_short-lived-token", "GET", "/api/v1/ems").status, 200);
  pass(1s);
  EXPECT_EQ(call_with("pst_short-lived-token", "GET", "/api/v1/ems").status, 401);

  EXPECT_EQ(read_only("GET", "/api/v1/ems").status, 200);
  const Browser browser = sign_in("reader");
  core->remove_administrator(clock.now(), admin, "reader", nullptr);
  settle();
  EXPECT_EQ(read_only("GET", "/api/v1/ems").status, 401);
  EXPECT_EQ(browse(browser, "GET", "/api/v1/ems").status, 401);
}

TEST_F(ApiLab, ATokenMayDoNoMoreThanItsMakerMayToday) {
  add_token("reader", "pst_made-when-reader-was-admin", AdministratorRole::kAdmin);
  const std::string body = R"({"name":"x"})";
  EXPECT_EQ(call_with("pst_made-when-reader-was-admin", "GET", "/api/v1/tokens").status, 200);
  EXPECT_EQ(call_with("pst_made-when-reader-was-admin", "POST", "/api/v1/tokens", body).status, 403);
  EXPECT_EQ(read_only("POST", "/api/v1/tokens", body).message(), "this needs the role admin, and this API token's role is readonly");
  EXPECT_EQ(browse(sign_in("reader"), "POST", "/api/v1/tokens", body).message(),
            "this needs the role admin, and your role is readonly");
  Administrator reader = *core->administrator("reader");
  reader.role = AdministratorRole::kAdmin;
  core->save_administrator(clock.now(), admin, reader, nullptr);
  settle();
  EXPECT_EQ(call_with("pst_made-when-reader-was-admin", "POST", "/api/v1/tokens", body).status, 201);
  // And no more than it was made for.
  EXPECT_EQ(read_only("POST", "/api/v1/tokens", body).status, 403);
}

TEST_F(ApiLab, NobodyAndReadersAreRefusedEverythingThatChangesSomething) {
  const Reply document = nobody("GET", "/api/v1/openapi.json");
  ASSERT_EQ(document.status, 200);
  const Browser reader = sign_in("reader");
  const auto commits = store.commits();
  int writes = 0, reads = 0;
  const json::value paths = document.at("paths");
  for (const auto& [path, methods] : paths.as_object()) {
    std::string target(path);
    for (auto open = target.find('{'); open != target.npos; open = target.find('{')) {
      target.replace(open, target.find('}') - open + 1, "x");
    }
    for (const auto& [name, operation] : methods.as_object()) {
      if (operation.at("security").as_array().empty()) continue;  // open to everybody, and says so
      std::string method(name);
      std::ranges::transform(method, method.begin(), [](char c) { return static_cast<char>(std::toupper(c)); });
      EXPECT_EQ(nobody(method, target).status, 401) << method << target;
      if (method == "GET") {
        const Reply reply = read_only(method, target);
        EXPECT_NE(reply.status, 401) << target;
        EXPECT_NE(reply.status, 403) << target;
        ++reads;
      } else if (operation.at("x-postern-role") == "admin") {
        EXPECT_EQ(read_only(method, target, "{}").status, 403) << method << target;
        EXPECT_EQ(browse(reader, method, target, "{}").status, 403) << method << target;
        ++writes;
      }
    }
  }
  EXPECT_GT(reads, 15);
  EXPECT_GT(writes, 15);
  EXPECT_EQ(store.commits(), commits);  // and nothing was
}

TEST_F(ApiLab, ChangingThePasswordEndsTheOtherSessions) {
  const Browser here = sign_in(), there = sign_in(), reader = sign_in("reader");
  EXPECT_EQ(browse(here, "POST", "/api/v1/auth/password", password_change("wrong", kNewPassword)).status, 403);
  EXPECT_EQ(browse(here, "POST", "/api/v1/auth/password", password_change(kPassword, "short")).status, 400);
  EXPECT_EQ(browse(here, "POST", "/api/v1/auth/password", password_change(kPassword, kPassword)).status, 400);
  EXPECT_EQ(browse(here, "POST", "/api/v1/auth/password", password_change(kPassword, "my-ADMIN-password")).status, 400);
  EXPECT_EQ(post("/api/v1/auth/password", password_change(kPassword, kNewPassword)).status, 403);  // a token has none
  EXPECT_EQ(browse(there, "GET", "/api/v1/ems").status, 200);

  ASSERT_EQ(browse(here, "POST", "/api/v1/auth/password", password_change(kPassword, kNewPassword)).status, 204);
  EXPECT_EQ(browse(here, "GET", "/api/v1/ems").status, 200);
  EXPECT_EQ(browse(there, "GET", "/api/v1/ems").status, 401);
  EXPECT_EQ(browse(reader, "GET", "/api/v1/ems").status, 200);
  EXPECT_EQ(get("/api/v1/ems").status, 200);  // programs go on: nobody demanded the change
  EXPECT_EQ(try_sign_in("admin", kPassword).status, 401);
  EXPECT_EQ(try_sign_in("admin", kNewPassword).status, 200);
  restart_all();
  EXPECT_EQ(try_sign_in("admin", kNewPassword).status, 200);
  EXPECT_EQ(browse(here, "GET", "/api/v1/ems").status, 401);  // sessions are not stored
}

TEST_F(ApiLab, APasswordThatCanNotBeStoredIsNotChanged) {
  const Browser here = sign_in(), there = sign_in();
  disk_full(true);
  const Reply reply = browse(here, "POST", "/api/v1/auth/password", password_change(kPassword, kNewPassword));
  EXPECT_EQ(reply.status, 507);
  EXPECT_EQ(reply.code(), "resource_exhausted");
  EXPECT_EQ(browse(there, "GET", "/api/v1/ems").status, 200);
  EXPECT_EQ(try_sign_in("admin", kPassword).status, 200);  // also while nothing can be stored
  disk_full(false);
}

TEST_F(ApiLab, APasswordThatMustBeChangedIsChangedFirst) {
  Administrator user = *core->administrator("admin");
  user.must_change_password = true;
  core->save_administrator(clock.now(), admin, user, nullptr);
  settle();
  const Reply reply = try_sign_in("admin", kPassword);
  EXPECT_EQ(reply.at("must_change_password"), json::value(true));
  const Browser browser{reply.cookie(), reply.str("csrf_token")};
  EXPECT_EQ(browse(browser, "GET", "/api/v1/auth/session").status, 200);
  EXPECT_EQ(browse(browser, "GET", "/api/v1/endpoints").status, 403);
  EXPECT_EQ(browse(browser, "POST", "/api/v1/tokens", R"({"name":"x"})").status, 403);
  EXPECT_EQ(get("/api/v1/ems").status, 200);
  ASSERT_EQ(browse(browser, "POST", "/api/v1/auth/password", password_change(kPassword, kNewPassword)).status, 204);
  EXPECT_EQ(browse(browser, "GET", "/api/v1/endpoints").status, 200);
  // Others knew the password that had to be changed: tokens made with it end.
  EXPECT_EQ(get("/api/v1/ems").status, 401);
  EXPECT_EQ(read_only("GET", "/api/v1/ems").status, 200);
}

TEST_F(ApiLab, ASessionEndsWhenIdle) {
  const Browser browser = sign_in();
  pass(api::kSessionIdle);
  EXPECT_EQ(browse(browser, "GET", "/api/v1/ems").status, 200);
  pass(api::kSessionIdle + Seconds(1));
  const Reply reply = browse(browser, "GET", "/api/v1/ems");
  EXPECT_EQ(reply.status, 401);
  EXPECT_EQ(reply.code(), "unauthenticated");
  EXPECT_EQ(nobody("GET", "/api/v1/openapi.json").status, 200);
}

TEST_F(ApiLab, SigningInAgainReplacesTheSessionThatTheBrowserHad) {
  const Browser first = sign_in();
  auto again = request("POST", "/api/v1/auth/signin", R"({"name":"admin","password":"Correct-Horse-Battery"})");
  again.headers.add("Cookie", first.cookie);
  const Reply reply = send_request(again);
  ASSERT_EQ(reply.status, 200);
  EXPECT_NE(reply.cookie(), first.cookie);
  EXPECT_EQ(browse(first, "GET", "/api/v1/ems").status, 401);
}

TEST_F(ApiLab, AnswersSayWhatIsWrongWithTheRequest) {
  const Reply nowhere = get("/api/v1/nothing");
  EXPECT_EQ(nowhere.status, 404);
  EXPECT_EQ(nowhere.code(), "not_found");
  EXPECT_EQ(nowhere.header("X-Request-Id"), std::string(nowhere.at("error", "request_id").as_string()));
  const Reply method = call("PUT", "/api/v1/ems");
  EXPECT_EQ(method.status, 405);
  EXPECT_EQ(method.header("Allow"), "GET");
  EXPECT_EQ(get("/api/v1/ems?x=1").status, 400);
  EXPECT_EQ(call("GET", "/api/v1/ems", "{\"x\":1}").status, 400);
  EXPECT_EQ(get("/api/v1/endpoints/%01").status, 400);
  EXPECT_EQ(get("/api/v1/ems/").status, 404);
}

}  // namespace
}  // namespace postern::ems::testing
