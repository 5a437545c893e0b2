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

using SshServer = AskedLab;

TEST_F(SshServer, ThatIsNotThereLetsNobodyIn) {
  EXPECT_EQ(said(keys::kSshRootLogin), "no-server");
  put("usr/sbin/sshd", "#!/bin/sh\necho permitrootlogin yes\n", 0755);
  EXPECT_EQ(said(keys::kSshRootLogin), "unknown: unsupported");  // an image's programs are not run
}

}  // namespace
}  // namespace postern::agent
