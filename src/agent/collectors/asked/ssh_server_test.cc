#include "agent/collectors/asked/ssh_server.h"

#include <gtest/gtest.h>

#include "agent/collectors/asked/asked_lab.h"

namespace postern::agent {
namespace {

TEST(RootLogin, IsFoundAmongSshdsSettings) {
  EXPECT_EQ(parse_root_login("port 22\npermitrootlogin without-password\nusepam yes\n"), "prohibit-password");
  EXPECT_EQ(parse_root_login("permitrootlogin no"), "no");
  EXPECT_EQ(parse_root_login("xpermitrootlogin no\npermitrootlogin\n"), "");
  EXPECT_EQ(parse_root_login(""), "");
}

using Logins = std::vector<std::string>;

TEST(SshdConfig, TellsWhatMatchBlocksLetRootDo) {
  const auto config = parse_sshd_config(
      "PermitRootLogin no\nInclude /etc/ssh/sshd_config.d/*.conf\n# Match all\nMatch Address 10.0.0.0/8\n"
      "  permitrootlogin=yes\n  Include more.conf\nMatch User backup,git\nPermitRootLogin yes\n"
      "Match User \"ro*\" Host x\nPermitRootLogin without-password # for now\nMatch all\nPermitRootLogin yes\n",
      false);
  EXPECT_EQ(config.root_logins, (Logins{"yes", "prohibit-password"}));
  ASSERT_EQ(config.includes.size(), 2u);
  EXPECT_EQ(config.includes[0], std::pair(std::string("/etc/ssh/sshd_config.d/*.conf"), false));
  EXPECT_EQ(config.includes[1], std::pair(std::string("more.conf"), true));
  EXPECT_EQ(parse_sshd_config("PermitRootLogin yes\n", true).root_logins, Logins{"yes"});
  EXPECT_TRUE(parse_sshd_config("\"\nMatch\nPermitRootLogin\n=\n", true).root_logins.empty());
}

TEST(RootLogin, IsAsWeakAsItsWeakest) {
  EXPECT_EQ(weaker_root_login("no", "yes"), "yes");
  EXPECT_EQ(weaker_root_login("yes", "no"), "yes");
  EXPECT_EQ(weaker_root_login("prohibit-password", "forced-commands-only"), "prohibit-password");
  EXPECT_EQ(weaker_root_login("no", "of-tomorrow"), "of-tomorrow");
}

TEST(RootLogin, IsNotWhatTheConfigurationSaysOfAServerThatWasToldOtherwise) {
  for (const char* title : {"sshd: /usr/sbin/sshd -D -o PermitRootLogin=yes [listener] 0 of 10-100 startups",
                            "/usr/sbin/sshd -Df /etc/ssh/other_config ", "sshd: /usr/sbin/sshd -oPort=2 [listener] 0 of 10-100 startups"})
    EXPECT_TRUE(sshd_has_own_settings(title)) << title;
  for (const char* title : {"", "sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups", "sshd: root@pts/0", "sshd: user [priv]",
                            "/usr/sbin/sshd -D -e -p 22 ", "sshd: /usr/sbin/sshd -D -R"})
    EXPECT_FALSE(sshd_has_own_settings(title)) << title;
}

using SshServer = AskedLab;

TEST_F(SshServer, HasMatchBlocksInWhatItIncludesToo) {
  const auto all = [&] { return matched_root_logins(Facts(root_, from_unix_ms(1)), "/etc/ssh/sshd_config"); };
  EXPECT_EQ(all().value(), Logins());
  put("etc/ssh/sshd_config", "Include sshd_config.d/*.conf\nPermitRootLogin no\nMatch Address 10.0.0.1\nInclude odd\n");
  put("etc/ssh/sshd_config.d/10.conf",
      "PermitRootLogin prohibit-password\nMatch LocalPort 2222\nPermitRootLogin yes\n");
  put("etc/ssh/sshd_config.d/10.conf.bak", "Match LocalPort 2222\nPermitRootLogin no\n");
  put("etc/ssh/odd", "PermitRootLogin forced-commands-only\n");
  EXPECT_EQ(all().value(), (Logins{"yes", "forced-commands-only"}));
  // What can't be read, or goes in circles, could let root in.
  put("etc/ssh/sshd_config.d/20.conf", "Include /etc/ssh/sshd_config\n");
  EXPECT_FALSE(all());
  put("etc/ssh/sshd_config.d/20.conf", "Include /etc/*/more\n");
  EXPECT_FALSE(all());
}

TEST_F(SshServer, ThatIsNotThereLetsNobodyIn) {
  EXPECT_EQ(said(keys::kSshRootLogin), "no-server");
  put("usr/sbin/sshd", "#!/bin/sh\necho permitrootlogin yes\n", 0755);
  EXPECT_EQ(said(keys::kSshRootLogin), "unknown: unsupported");  // an image's programs are not run
}

}  // namespace
}  // namespace postern::agent
