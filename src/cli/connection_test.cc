// Who is asked, as whom: a token goes nowhere but to the EMS it was given with.
#include "cli/connection.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "cli/config_file.h"
#include "cli/program_lab.h"

namespace postern::cli {
namespace {

const std::string kPrint(64, 'a');

class ConnectionChoice : public testing::Test {
 protected:
  Result<Connection> choose(const ConnectionOptions& given) {
    return choose_connection(
        given,
        [this](const char* name) {
          const auto it = lab_.variables.find(name);
          return it == lab_.variables.end() ? nullptr : it->second.c_str();
        },
        lab_.config_path);
  }
  void write_contexts() {
    ConfigFile config{.current = "lab", .contexts = {}};
    config.contexts["lab"] = {"https://lab.example:8443", "admin", "pst_lab", "TOK-1", kPrint, ""};
    config.contexts["live"] = {"https://live.example", "admin", "pst_live", "TOK-2", kPrint, ""};
    ASSERT_TRUE(write_config(lab_.config_path, config));
  }
  static std::string told(const Result<Connection>& c) {
    return c ? c->address.url() + " " + c->token + " of " + c->from : "error: " + c.error().message;
  }
  ProgramLab lab_;
};

TEST_F(ConnectionChoice, AddressesAreHttpsAndNothingElse) {
  EXPECT_EQ(parse_address("https://ems.example:8443/")->url(), "https://ems.example:8443");
  EXPECT_EQ(parse_address("ems.example")->url(), "https://ems.example");
  EXPECT_EQ(parse_address("HTTPS://[fd00::1]:8443")->url(), "https://[fd00::1]:8443");
  EXPECT_EQ(parse_address("https://[::1]")->host, "::1");
  for (const char* text :
       {"", "http://ems.example", "https://", "https://a/b", "https://a:0", "https://a:x", "https://a:70000", "user@a",
        "https://[::1", "https://[x]", "a b", "fd00::1", "https://a\n", "https://a?x"}) {
    EXPECT_FALSE(parse_address(text)) << text;
  }
}

TEST_F(ConnectionChoice, TheCommandLineComesBeforeTheEnvironmentBeforeTheFile) {
  EXPECT_TRUE(told(choose({})).starts_with("error: which EMS? Sign in with: postern login"));
  write_contexts();
  EXPECT_EQ(told(choose({})), "https://lab.example:8443 pst_lab of context lab");
  lab_.variables["POSTERN_URL"] = "https://env.example";
  lab_.variables["POSTERN_TOKEN"] = "pst_env";
  EXPECT_EQ(told(choose({})), "https://env.example pst_env of the environment (POSTERN_…)");
  EXPECT_EQ(told(choose({.context = "live"})), "https://live.example pst_live of context live");
  EXPECT_EQ(told(choose({.url = "https://cmd.example", .token = "pst_cmd"})),
            "https://cmd.example pst_cmd of the command line");
}

TEST_F(ConnectionChoice, ATokenGoesOnlyToTheAddressItWasGivenWith) {
  write_contexts();
  EXPECT_TRUE(
      told(choose({.url = "https://evil.example"})).starts_with("error: there is no token for https://evil.example"));
  EXPECT_EQ(told(choose({.url = "https://live.example:443/"})), "https://live.example pst_live of context live");
  lab_.variables["POSTERN_URL"] = "https://env.example";
  lab_.variables["POSTERN_TOKEN"] = "pst_env";
  EXPECT_TRUE(
      told(choose({.url = "https://evil.example"})).starts_with("error: there is no token for https://evil.example"));
  EXPECT_TRUE(
      told(choose({.url = "https://evil.example", .context = "lab"})).starts_with("error: --url and --context"));
  // A token alone in the environment is meant for whatever is asked in this shell.
  lab_.variables.erase("POSTERN_URL");
  EXPECT_EQ(told(choose({.url = "https://cmd.example"})), "https://cmd.example pst_env of the environment (POSTERN_…)");
}

TEST_F(ConnectionChoice, WhatIsTrustedComesWithTheAddressToo) {
  write_contexts();
  EXPECT_TRUE(choose({})->fingerprint.has_value());
  EXPECT_FALSE(choose({.url = "https://other.example", .token = "t"})->fingerprint.has_value());
  EXPECT_FALSE(choose({.token = "t", .fingerprint = "abc"}));
  lab_.variables["POSTERN_FINGERPRINT"] = std::string(64, 'b');
  EXPECT_EQ(choose({})->fingerprint->front(), 0xbb);
}

TEST_F(ConnectionChoice, AFileWithTokensIsForItsOwnerOnly) {
  write_contexts();
  struct stat status {};
  ASSERT_EQ(stat(lab_.config_path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  ASSERT_EQ(chmod(lab_.config_path.c_str(), 0640), 0);
  EXPECT_NE(told(choose({})).find("chmod 600"), std::string::npos);
}

TEST_F(ConnectionChoice, ABrokenFileIsToldByItsLine) {
  write_contexts();
  std::filesystem::copy_file(lab_.file("x", "current = \"lab\"\n[contexts\n"), lab_.config_path,
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_NE(told(choose({})).find("config.toml, line "), std::string::npos) << told(choose({}));
  std::filesystem::copy_file(lab_.file("x", "[contexts.a]\nurl = 5\n"), lab_.config_path,
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_NE(told(choose({})).find("contexts.a.url: there are url"), std::string::npos) << told(choose({}));
  std::filesystem::copy_file(lab_.file("x", "current = \"a\"\n[contexts.a]\ntoken = \"t\"\n"), lab_.config_path,
                             std::filesystem::copy_options::overwrite_existing);
  std::filesystem::permissions(lab_.config_path, std::filesystem::perms(0600));
  EXPECT_NE(told(choose({})).find("has no url"), std::string::npos) << told(choose({}));
}

TEST_F(ConnectionChoice, WhatRunWroteIsEnough) {
  const std::string pem = lab_.file("web.pem", "PEM");
  const std::string run = lab_.file(
      "run.json", R"({"ems":{"url":"https://10.0.2.10:8443","api_token":"pst_run","web_cert":")" + pem + "\"}}");
  const auto chosen = choose({.run_json = run});
  EXPECT_EQ(told(chosen), "https://10.0.2.10:8443 pst_run of " + run);
  EXPECT_EQ(chosen->roots_pem, "PEM");
  EXPECT_NE(told(choose({.run_json = "/nowhere/run.json"})).find("start ./run first"), std::string::npos);
}

}  // namespace
}  // namespace postern::cli
