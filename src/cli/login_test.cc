// Signing in and out, against a fake EMS.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <filesystem>

#include "cli/commands/commands.h"
#include "cli/config_file.h"
#include "cli/program_lab.h"

namespace postern::cli {
namespace {

namespace json = boost::json;
using testing::HasSubstr;
using testing::Not;

class Login : public testing::Test {
 protected:
  Login() {
    lab_.ems.on("POST auth/signin",
                R"({"user":"admin","role":"admin","must_change_password":false,"csrf_token":"CSRF"})");
    lab_.ems.add_header("POST auth/signin", "Set-Cookie", "session=S; Path=/; HttpOnly");
    lab_.ems.on("POST tokens", R"({"id":"TOK-1","token":"pst_test"})", 201);
    lab_.ems.on("POST auth/signout", "", 204);
    lab_.ems.on("GET tags", R"({"items":[],"next_cursor":null,"total":0})");
    lab_.terminal.looks().interactive = true;
  }

  ProgramLab lab_;
};

TEST_F(Login, AsksToTrustAsksForThePasswordAndKeepsAToken) {
  lab_.terminal.answers = {"yes", "", "secret"};
  EXPECT_EQ(lab_.run_alone({"login", lab_.ems.url(), "--name", "lab"}), kDone) << lab_.err();
  EXPECT_THAT(lab_.err(), HasSubstr(FakeEms::fingerprint()));
  EXPECT_THAT(lab_.err() + lab_.out(), Not(HasSubstr("pst_test")));
  const auto made = lab_.ems.asked("POST tokens");
  ASSERT_EQ(made.size(), 1u);
  EXPECT_EQ(*made.front().headers.find("Cookie"), "session=S");
  EXPECT_EQ(*made.front().headers.find("X-CSRF-Token"), "CSRF");
  EXPECT_EQ(json::parse(lab_.ems.asked("POST auth/signin").at(0).body),
            json::parse(R"({"name":"admin","password":"secret"})"));
  EXPECT_EQ(lab_.ems.asked("POST auth/signout").size(), 1u);
  // From now on it needs nothing else.
  EXPECT_EQ(lab_.run_alone({"tags"}), kDone) << lab_.err();
  EXPECT_EQ(lab_.run_alone({"contexts"}), kDone);
  EXPECT_THAT(lab_.out(), HasSubstr("*  lab"));
  EXPECT_THAT(lab_.out(), Not(HasSubstr("pst_")));
  lab_.ems.on("DELETE tokens/TOK-1", "", 204);
  EXPECT_EQ(lab_.run_alone({"logout"}), kDone);
  EXPECT_EQ(lab_.err(), "Context lab is gone, and its token is ended\n");
  EXPECT_EQ(lab_.ems.asked("DELETE tokens/TOK-1").size(), 1u);
  EXPECT_EQ(lab_.run_alone({"tags"}), kFailed);
}

TEST_F(Login, AnEmsThatIsAwayKeepsNobodySignedIn) {
  lab_.terminal.answers = {"yes", "admin", "secret"};
  ASSERT_EQ(lab_.run_alone({"login", lab_.ems.url(), "--name", "lab"}), kDone) << lab_.err();
  EXPECT_EQ(lab_.run_alone({"logout", "lab"}), kDone);
  EXPECT_TRUE(lab_.err().starts_with("Context lab is gone, but the EMS still takes its token TOK-1: ")) << lab_.err();
  EXPECT_TRUE(read_config(lab_.config_path)->contexts.empty());
}

TEST_F(Login, WhoIsNotTrustedHearsNothing) {
  lab_.terminal.answers = {"no"};
  EXPECT_EQ(lab_.run_alone({"login", lab_.ems.url()}), kFailed);
  EXPECT_EQ(lab_.run_alone({"login", lab_.ems.url(), "--fingerprint", std::string(64, 'd')}), kFailed);
  EXPECT_THAT(lab_.err(), HasSubstr("Nothing was sent"));
  EXPECT_EQ(lab_.ems.requests(), 0u);
  EXPECT_FALSE(std::filesystem::exists(lab_.config_path));
}

TEST_F(Login, AScriptGivesFingerprintAndPassword) {
  lab_.terminal.looks().interactive = false;
  lab_.terminal.standard_input = "secret\n";
  EXPECT_EQ(lab_.run_alone({"login", lab_.ems.url(), "--fingerprint", FakeEms::fingerprint(), "--password-file", "-",
                            "--role", "readonly"}),
            kDone)
      << lab_.err();
  EXPECT_EQ(json::parse(lab_.ems.asked("POST tokens").at(0).body).at("role"), "readonly");
  EXPECT_EQ(read_config(lab_.config_path)->current, "127.0.0.1");
}

TEST_F(Login, TheTokenMayRunOutOnADate) {
  lab_.terminal.standard_input = "secret\n";
  for (const auto& [when, seconds] : {std::pair("30d", 2'592'000), {"2026-11-28", 136'800}}) {
    EXPECT_EQ(lab_.run_alone({"login", lab_.ems.url(), "--fingerprint", FakeEms::fingerprint(), "--password-file", "-",
                              "--expires", when}),
              kDone)
        << lab_.err();
    EXPECT_EQ(json::parse(lab_.ems.asked("POST tokens").back().body).at("expires_in"), seconds) << when;
  }
}

TEST_F(Login, TheFirstPasswordIsChangedOnTheWay) {
  lab_.ems.on("POST auth/signin", R"({"user":"admin","role":"admin","must_change_password":true,"csrf_token":"C"})");
  lab_.ems.add_header("POST auth/signin", "Set-Cookie", "session=S; Path=/");
  lab_.ems.on("POST auth/password", "", 204);
  lab_.terminal.answers = {"y", "admin", "secret", "a new password", "another one"};
  EXPECT_EQ(lab_.run_alone({"login", lab_.ems.url()}), kFailed);
  EXPECT_TRUE(lab_.ems.asked("POST auth/password").empty());
  lab_.terminal.answers = {"y", "admin", "secret", "a new password", "a new password"};
  EXPECT_EQ(lab_.run_alone({"login", lab_.ems.url()}), kDone) << lab_.err();
  EXPECT_EQ(json::parse(lab_.ems.asked("POST auth/password").at(0).body),
            json::parse(R"({"old_password":"secret","new_password":"a new password"})"));
  // Where nobody can be asked it is said where to go.
  lab_.terminal.looks().interactive = false;
  lab_.terminal.standard_input = "secret";
  EXPECT_EQ(lab_.run_alone({"login", lab_.ems.url(), "--fingerprint", FakeEms::fingerprint(), "--password-file", "-"}),
            kFailed);
  EXPECT_THAT(lab_.err(), HasSubstr(lab_.ems.url() + "/password"));
  EXPECT_EQ(lab_.ems.asked("POST tokens").size(), 1u);
}

}  // namespace
}  // namespace postern::cli
