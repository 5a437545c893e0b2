#include "ems/api/api_lab.h"
#include "ems/api/password.h"
#include "ems/bootstrap/bootstrap.h"

namespace postern::ems::testing {
namespace {

constexpr const char* kAdmins = "/api/v1/administrators";
constexpr const char* kFirst = "first-words-of-her-boss";

std::string body(const json::object& members) { return json::serialize(members); }

class Administrators : public ApiLab {
 protected:
  /// In a session of the administrator "admin".
  Reply signed_in(const std::string& method, const std::string& target, const std::string& text = {}) {
    if (boss_.cookie.empty()) boss_ = sign_in();
    return browse(boss_, method, target, text);
  }
  Reply create(const std::string& name, const std::string& role = "admin", const std::string& password = kFirst) {
    return signed_in("POST", kAdmins, body({{"name", name}, {"role", role}, {"password", password}}));
  }
  Reply change(const std::string& name, const json::object& members) {
    return signed_in("PATCH", std::string(kAdmins) + "/" + name, body(members));
  }
  Reply remove(const std::string& name) { return signed_in("DELETE", std::string(kAdmins) + "/" + name); }
  void restart_everything() {
    boss_ = {};
    restart_all();
  }

 private:
  Browser boss_;
};

TEST_F(Administrators, AreListedWithoutTheirPasswords) {
  const Reply list = read_only("GET", kAdmins);
  ASSERT_EQ(list.status, 200) << list.text;
  ASSERT_EQ(list.items().size(), 2u);
  EXPECT_EQ(Reply::member(list.items()[0], "name"), "admin");
  EXPECT_EQ(Reply::member(list.items()[1], "role"), "readonly");
  EXPECT_EQ(list.text.find("argon2"), std::string::npos);
  EXPECT_EQ(read_only("GET", std::string(kAdmins) + "/admin").str("name"), "admin");
  EXPECT_EQ(get(std::string(kAdmins) + "/nobody").status, 404);
  EXPECT_EQ(nobody("GET", kAdmins).status, 401);
}

TEST_F(Administrators, ANewOneHasToChangeThePasswordFirst) {
  const Reply made = create("eve");
  ASSERT_EQ(made.status, 201) << made.text;
  EXPECT_EQ(made.at("must_change_password"), json::value(true));
  const Reply in = try_sign_in("eve", kFirst);
  ASSERT_EQ(in.status, 200);
  EXPECT_EQ(in.at("must_change_password"), json::value(true));
  const Browser eve{in.cookie(), in.str("csrf_token")};
  EXPECT_EQ(browse(eve, "GET", kAdmins).status, 403);
  const json::object passwords{{"old_password", kFirst}, {"new_password", "words-of-her-own"}};
  ASSERT_EQ(browse(eve, "POST", "/api/v1/auth/password", body(passwords)).status, 204);
  EXPECT_EQ(browse(eve, "GET", kAdmins).status, 200);

  const json::object robot{
      {"name", "robot"}, {"role", "readonly"}, {"password", kFirst}, {"must_change_password", false}};
  EXPECT_EQ(signed_in("POST", kAdmins, body(robot)).at("must_change_password"), json::value(false));
}

TEST_F(Administrators, BadInputIsRefusedAndNothingIsMade) {
  EXPECT_EQ(create("admin").status, 409);
  const Reply case_only = create("Admin");
  EXPECT_EQ(case_only.code(), "already_exists");
  EXPECT_NE(case_only.message().find("differ only in case"), std::string::npos) << case_only.message();
  EXPECT_EQ(create("a/b").status, 400);
  EXPECT_EQ(create("..").status, 400) << "nothing could be done with it: it has no address";
  EXPECT_EQ(create("eve", "root").status, 400);
  const Reply short_one = create("eve", "admin", "short");
  EXPECT_EQ(short_one.status, 400);
  EXPECT_TRUE(short_one.message().starts_with("password: ")) << short_one.message();
  EXPECT_EQ(create("eve", "admin", "I-am-Eve-of-course").status, 400);
  EXPECT_EQ(read_only("POST", kAdmins, body({{"name", "eve"}, {"role", "admin"}, {"password", kFirst}})).status, 403);
  disk_full(true);
  EXPECT_EQ(create("eve").status, 507);
  disk_full(false);
  EXPECT_EQ(get(kAdmins).items().size(), 2u);
}

TEST_F(Administrators, ADisabledOneIsOutAtOnceWithTheirTokens) {
  const Browser reader = sign_in("reader");
  ASSERT_EQ(change("reader", {{"disabled", true}}).status, 200);
  EXPECT_EQ(browse(reader, "GET", kAdmins).status, 401);
  EXPECT_EQ(read_only("GET", kAdmins).status, 401);
  const Reply refused = try_sign_in("reader", kPassword);
  EXPECT_EQ(refused.status, 403);
  EXPECT_NE(refused.message().find("disabled"), std::string::npos);
  EXPECT_EQ(try_sign_in("reader", "a-wrong-password").status, 401);  // who does not know the password is not told
  restart_everything();
  EXPECT_EQ(read_only("GET", kAdmins).status, 401);
  ASSERT_EQ(change("reader", {{"disabled", false}}).status, 200);
  EXPECT_EQ(read_only("GET", kAdmins).status, 200);
  EXPECT_EQ(browse(reader, "GET", kAdmins).status, 401);  // the old session stays ended
}

TEST_F(Administrators, AnotherPasswordEndsSessionsAndIsToBeChanged) {
  const Browser reader = sign_in("reader");
  ASSERT_EQ(change("reader", {{"password", kFirst}}).status, 200);
  EXPECT_EQ(browse(reader, "GET", kAdmins).status, 401);
  EXPECT_EQ(try_sign_in("reader", kPassword).status, 401);
  EXPECT_EQ(try_sign_in("reader", kFirst).at("must_change_password"), json::value(true));
  // A stolen session must not become a password.
  const Reply own = change("admin", {{"password", kFirst}});
  EXPECT_EQ(own.status, 409);
  EXPECT_EQ(try_sign_in("admin", kPassword).status, 200);
}

TEST_F(Administrators, AnApiTokenOnlyReadsThem) {
  // One that runs out would otherwise leave behind an administrator, who does not.
  const std::string reader = std::string(kAdmins) + "/reader";
  const auto commits = store.commits();
  for (const Reply& reply : {post(kAdmins, body({{"name", "eve"}, {"role", "admin"}, {"password", kFirst}})),
                             call("PATCH", reader, body({{"role", "admin"}})),
                             call("PATCH", reader, body({{"password", kFirst}})),
                             call("DELETE", reader)}) {
    EXPECT_EQ(reply.status, 403) << reply.text;
    EXPECT_EQ(reply.code(), "permission_denied");
    EXPECT_NE(reply.message().find("an API token can't"), std::string::npos) << reply.message();
  }
  EXPECT_EQ(store.commits(), commits);
  EXPECT_EQ(get(kAdmins).items().size(), 2u);
  EXPECT_EQ(get(reader).str("role"), "readonly");
}

TEST_F(Administrators, APasswordGivenBySomebodyElseEndsTheTokens) {
  add_token("reader", "pst_made-by-a-thief", AdministratorRole::kReadonly);
  ASSERT_EQ(change("reader", {{"role", "readonly"}}).status, 200);
  EXPECT_EQ(read_only("GET", kAdmins).status, 200);  // nothing else ends them
  ASSERT_EQ(change("reader", {{"password", kFirst}}).status, 200);
  EXPECT_EQ(core->audit(0, 1)->front().detail, "another password, API tokens ended: 2");
  EXPECT_EQ(read_only("GET", kAdmins).status, 401);
  EXPECT_EQ(get(kAdmins).status, 200);  // others' stay
  restart_everything();
  EXPECT_EQ(read_only("GET", kAdmins).status, 401);
  EXPECT_EQ(call_with("pst_made-by-a-thief", "GET", kAdmins).status, 401);
  EXPECT_EQ(get(kAdmins).status, 200);
}

TEST_F(Administrators, AnotherPasswordIsToldOnceItIsStored) {
  ASSERT_EQ(signed_in("GET", kAdmins).status, 200);
  passwords_changed.clear();
  disk_full(true);
  EXPECT_EQ(change("reader", {{"password", kFirst}}).status, 507);
  EXPECT_EQ(remove("reader").status, 507);
  EXPECT_TRUE(passwords_changed.empty());
  disk_full(false);
  ASSERT_EQ(change("reader", {{"role", "admin"}}).status, 200);
  EXPECT_TRUE(passwords_changed.empty());
  ASSERT_EQ(change("reader", {{"password", kFirst}}).status, 200);
  EXPECT_EQ(passwords_changed, std::vector<std::string>{"reader"});
  ASSERT_EQ(remove("reader").status, 204);
  EXPECT_EQ(passwords_changed.size(), 2u);
}

TEST_F(Administrators, TokensStayWhenTheNewPasswordCanNotBeStored) {
  ASSERT_EQ(signed_in("GET", kAdmins).status, 200);
  disk_full(true);
  EXPECT_EQ(change("reader", {{"password", kFirst}}).status, 507);
  EXPECT_EQ(read_only("GET", kAdmins).status, 200);
  disk_full(false);
}

TEST_F(Administrators, ThePasswordFromTheCommandLineEndsTheTokensAndEnables) {
  ASSERT_EQ(change("reader", {{"disabled", true}}).status, 200);
  ASSERT_TRUE(set_password(store, clock.now(), "reader", *hash_password(kFirst)));
  const AuditEntry said = store.audit(0, 1)->front();
  EXPECT_EQ(said.action, "administrator.reset_password");
  EXPECT_EQ(said.detail, "from the command line, enabled, API tokens ended: 1");
  restart_everything();
  EXPECT_EQ(try_sign_in("reader", kFirst).status, 200);
  EXPECT_EQ(read_only("GET", kAdmins).status, 401);
  EXPECT_EQ(get(kAdmins).status, 200);
  ASSERT_TRUE(set_password(store, clock.now(), "reader", *hash_password(kPassword)));
  EXPECT_EQ(store.audit(0, 1)->front().detail, "from the command line");
}

TEST_F(Administrators, TheLastOneStays) {
  EXPECT_EQ(remove("admin").status, 409);
  EXPECT_EQ(change("admin", {{"disabled", true}}).status, 409);
  EXPECT_EQ(change("admin", {{"role", "readonly"}}).status, 409);
  ASSERT_EQ(create("eve").status, 201);
  ASSERT_EQ(change("eve", {{"disabled", true}}).status, 200);
  EXPECT_EQ(remove("admin").status, 409);  // eve could not sign in
  ASSERT_EQ(change("eve", {{"disabled", false}}).status, 200);
  const Browser browser = sign_in();
  EXPECT_EQ(remove("admin").status, 204);
  EXPECT_EQ(browse(browser, "GET", kAdmins).status, 401);
  EXPECT_EQ(get(kAdmins).status, 401);  // the token of the one who is gone
}

TEST_F(Administrators, SessionsDoNotPassToTheNextOfThatName) {
  const Browser reader = sign_in("reader");
  ASSERT_EQ(remove("reader").status, 204);
  ASSERT_EQ(create("reader", "admin").status, 201);
  EXPECT_EQ(browse(reader, "GET", kAdmins).status, 401);
}

}  // namespace
}  // namespace postern::ems::testing
