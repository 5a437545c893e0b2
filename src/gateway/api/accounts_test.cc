// How much an account may do, from where, and for how long it may stand idle.
#include <gmock/gmock.h>

#include "base/log.h"
#include "gateway/api/api_lab.h"
#include "gateway/api/trust.h"
#include "gateway/config/secret.h"

namespace postern::gateway::api {
namespace {

using testing::HasSubstr;
using testing::Not;

const char* kOneStatus = "/api/v2/monitor/system/status";
const char* kGlobal = "/api/v2/cmdb/system/global";

class AccountsTest : public ApiLab {
 protected:
  AccountsTest() {
    configure("config system admin\nedit eve\nset password \"" + password_hash() + "\"\nnext\nend\n");
  }
  static const std::string& password_hash() {
    static SeededRandom random(7);
    static const std::string made = config::hash_password("correct horse", random);  // takes 60 ms
    return made;
  }
  /// Of an administrator's session: its key as a bearer token; empty when signing in was refused.
  Headers session() {
    const auto reply = ask("POST", "/api/v2/authentication",
                           R"({"username":"eve","secretkey":"correct horse","request_key":true})", {});
    if (reply.status != 200) return {};
    return {{"Authorization", "Bearer " + std::string(reply.at("/session_key").as_string())}};
  }
  void eve(const std::string& line) { configure("config system admin\nedit eve\n" + line + "\nnext\nend\n"); }
  /// So that eve isn't the one who is left.
  void other_administrator() {
    configure("config system admin\nedit ann\nset password \"" + password_hash() + "\"\nnext\nend\n");
  }
  void program(const std::string& line) { configure("config system api-user\nedit tests\n" + line + "\nnext\nend\n"); }
};

TEST_F(AccountsTest, WhoMayOnlyLookSeesEverythingAndChangesNothing) {
  program("set accprofile super_admin_readonly");
  other_administrator();
  eve("set accprofile super_admin_readonly");
  const auto signed_in = session();
  for (const auto& how : {bearer, signed_in}) {
    for (const auto& table : config::gateway_schema().root().tables) {
      std::string path = table.name;
      const auto last = path.rfind(' ');
      for (char& c : path) c = c == ' ' ? '.' : c;
      path[last] = '/';
      EXPECT_EQ(ask("GET", "/api/v2/cmdb/" + path, "", how).status, 200) << path;
    }
    EXPECT_EQ(ask("GET", kOneStatus, "", how).status, 200);
    const auto admins = ask("GET", "/api/v2/cmdb/system/admin", "", how);
    EXPECT_THAT(admins.text, Not(HasSubstr(password_hash())));
    const std::string before = shown("system global") + shown("system admin") + shown("system api-user");
    const std::pair<const char*, const char*> changes[] = {
        {"PUT", kGlobal},
        {"POST", "/api/v2/cmdb/system/admin"},
        {"DELETE", "/api/v2/cmdb/system/admin/eve"},
        {"PUT", "/api/v2/cmdb/firewall/policy/1?action=move&after=2"},
        {"POST", "/api/v2/monitor/system/api-user/generate-key"},
        {"POST", "/api/v2/monitor/endpoint-control/ems/verify-cert"},
        {"PATCH", kGlobal}};
    for (const auto& [method, target] : changes) {
      const auto reply = ask(method, target, R"({"name":"new"})", how);
      EXPECT_EQ(reply.status, 403) << method << ' ' << target;
      EXPECT_THAT(reply.cli_error(), HasSubstr("may look, but not change anything")) << target;
      EXPECT_EQ(reply.at("/revision_changed"), false);
    }
    EXPECT_EQ(shown("system global") + shown("system admin") + shown("system api-user"), before);
  }
  EXPECT_EQ(ask("DELETE", "/api/v2/authentication", "", signed_in).status, 200);
  EXPECT_EQ(ask("GET", kOneStatus, "", signed_in).status, 401);
}

TEST_F(AccountsTest, AProfileThatChangesCountsAtOnce) {
  const auto signed_in = session();
  EXPECT_EQ(ask("PUT", kGlobal, R"({"hostname":"a"})", signed_in).status, 200);
  other_administrator();
  eve("set accprofile super_admin_readonly");
  EXPECT_EQ(ask("PUT", kGlobal, R"({"hostname":"b"})", signed_in).status, 403);
  const auto wrong = cmdb("PUT", "system/admin/eve", R"({"accprofile":"prof_admin"})");
  EXPECT_EQ(wrong.status, 424);
  EXPECT_THAT(wrong.cli_error(), HasSubstr("\"prof_admin\""));
  EXPECT_THAT(wrong.cli_error(), HasSubstr("super_admin_readonly"));
}

TEST_F(AccountsTest, ATokenCountsOnlyFromTrustedHosts) {
  program("config trusthost\nedit 1\nset ipv4-trusthost 192.0.2.0/29\nnext\nedit 2\nset type ipv6-trusthost\nset "
          "ipv6-trusthost 2001:db8:1::/48\nnext\nend");
  for (const char* inside : {"192.0.2.7", "192.0.2.0", "2001:db8:1::5"}) {
    address = inside;
    EXPECT_EQ(ask("GET", kOneStatus).status, 200) << inside;
  }
  for (const char* outside : {"192.0.2.8", "198.51.100.1", "2001:db8:2::5", "::1"}) {
    address = outside;
    const auto reply = ask("GET", kOneStatus);
    EXPECT_EQ(reply.status, 403) << outside;
    EXPECT_THAT(reply.cli_error(), HasSubstr("system api-user tests may not be used from " + std::string(outside)));
    EXPECT_EQ(ask("PUT", kGlobal, R"({"hostname":"x"})").status, 403);
    EXPECT_EQ(ask("GET", kOneStatus + std::string("?access_token=") + token, "", {}).status, 403);
  }
  EXPECT_EQ(store->current()->single("system global").text("hostname"), "");
}

TEST_F(AccountsTest, AnAdministratorSignsInOnlyFromTrustedHosts) {
  eve("set trusthost2 198.51.100.0/24");
  EXPECT_TRUE(session().empty());
  address = "198.51.100.9";
  const auto signed_in = session();
  ASSERT_FALSE(signed_in.empty());
  EXPECT_EQ(ask("GET", kOneStatus, "", signed_in).status, 200);
  // A session that was carried elsewhere ends at the border, and goes on at home.
  address = "203.0.113.1";
  EXPECT_EQ(ask("GET", kOneStatus, "", signed_in).status, 403);
  address = "198.51.100.9";
  EXPECT_EQ(ask("GET", kOneStatus, "", signed_in).status, 200);
  eve("set trusthost2 192.0.2.0/24");
  EXPECT_EQ(ask("GET", kOneStatus, "", signed_in).status, 403);
  // IPv4 alone is trusted: that leaves no IPv6 open.
  address = "2001:db8::1";
  EXPECT_TRUE(session().empty());
  eve("set ip6-trusthost1 2001:db8::/32");
  EXPECT_FALSE(session().empty());
}

TEST_F(AccountsTest, AnUntrustedAddressLearnsNothingOfThePassword) {
  eve("set trusthost1 198.51.100.0/24");
  const auto sign_in = [&](const std::string& password) {
    return ask("POST", "/api/v2/authentication", R"({"username":"eve","secretkey":")" + password + "\"}", {});
  };
  testing::internal::CaptureStderr();
  const auto right = sign_in("correct horse");
  const auto log_of_right = testing::internal::GetCapturedStderr();
  const auto wrong = sign_in("wrong horse");
  EXPECT_EQ(right.status, 401);
  EXPECT_EQ(right.text, wrong.text);
  EXPECT_EQ(operations.offloaded, 2);
  EXPECT_THAT(log_of_right, HasSubstr("untrusted address"));
  const auto form = ask("POST", "/logincheck", "username=eve&secretkey=correct%20horse&ajax=1", {});
  EXPECT_EQ(form.text.substr(0, 1), "0");
}

TEST_F(AccountsTest, NetworksHaveToBeOfTheFamilyThatTheirNameSays) {
  const std::pair<const char*, const char*> bad[] = {
      {"system/admin/eve", R"({"trusthost1":"2001:db8::/32"})"},
      {"system/admin/eve", R"({"ip6-trusthost3":"10.0.0.0/8"})"},
      {"system/admin/eve", R"({"trusthost1":"10.0.0.1/8"})"},
      {"system/admin/eve", R"({"trusthost11":"10.0.0.0/8"})"},
      {"system/api-user/tests", R"({"trusthost":[{"id":1,"ipv4-trusthost":"2001:db8::/32"}]})"},
      {"system/api-user/tests", R"({"trusthost":[{"id":1,"type":"ipv6-trusthost","ipv6-trusthost":"10.0.0.0/8"}]})"},
      // Would count for nothing, and an entry that counts for nothing opens everything.
      {"system/api-user/tests", R"({"trusthost":[{"id":1,"ipv6-trusthost":"2001:db8::/32"}]})"}};
  for (const auto& [at, body] : bad) {
    const auto reply = cmdb("PUT", at, body);
    EXPECT_EQ(reply.status, 424) << body;
    EXPECT_THAT(reply.cli_error(), HasSubstr("trusthost")) << body;
  }
  EXPECT_THAT(shown("system admin") + shown("system api-user"), Not(HasSubstr("trusthost")));
}

TEST_F(AccountsTest, SessionsStandIdleAsLongAsIsSet) {
  configure("config system global\nset admintimeout 5\nend\n");
  const auto reply = ask("POST", "/api/v2/authentication",
                         R"({"username":"eve","secretkey":"correct horse","request_key":true})", {});
  EXPECT_EQ(reply.at("/session_key_timeout"), 5);
  const Headers key = {{"Authorization", "Bearer " + std::string(reply.at("/session_key").as_string())}};
  clock.advance(std::chrono::minutes(4));
  EXPECT_EQ(ask("GET", kOneStatus, "", key).status, 200);
  clock.advance(std::chrono::minutes(4));
  EXPECT_EQ(ask("GET", kOneStatus, "", key).status, 200);
  clock.advance(std::chrono::minutes(6));
  EXPECT_EQ(ask("GET", kOneStatus, "", key).status, 401);
  EXPECT_EQ(cmdb("PUT", "system/global", R"({"admintimeout":481})").status, 424);
  EXPECT_EQ(cmdb("PUT", "system/global", R"({"admintimeout":0})").status, 424);
}

TEST_F(AccountsTest, SigningOutWithTheKeyInTheAddressEndsTheSession) {
  const auto key = session();
  ASSERT_FALSE(key.empty());
  const auto in_address = "?access_token=" + key[0].second.substr(7);
  EXPECT_EQ(ask("GET", kOneStatus + in_address, "", {}).status, 200);
  EXPECT_EQ(ask("DELETE", "/api/v2/authentication" + in_address, "", {}).status, 200);
  EXPECT_EQ(ask("GET", kOneStatus + in_address, "", {}).status, 401);
}

}  // namespace
}  // namespace postern::gateway::api
