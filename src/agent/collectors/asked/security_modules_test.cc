#include "agent/collectors/asked/security_modules.h"

#include <gtest/gtest.h>

#include "agent/collectors/asked/asked_lab.h"

namespace postern::agent {
namespace {

using SecurityModules = AskedLab;

TEST_F(SecurityModules, CountWhereTheyEnforce) {
  EXPECT_EQ(said(keys::kSecurityModules), "unknown: unsupported");
  EXPECT_EQ(ask(keys::kSecurityModules).source, kForeignRoot);
  put("sys/kernel/security/lsm", "lockdown,capability,yama,apparmor");
  EXPECT_EQ(said(keys::kSecurityModules), "unknown: unsupported");  // which profiles there are can't be seen
  put("sys/kernel/security/apparmor/profiles", "/usr/bin/man (complain)\n");
  EXPECT_EQ(said(keys::kSecurityModules), "none");
  put("sys/kernel/security/apparmor/profiles", "/usr/bin/man (complain)\n/usr/sbin/ntpd (enforce)\n");
  EXPECT_EQ(said(keys::kSecurityModules), "apparmor");
  put("sys/kernel/security/lsm", "capability,selinux,tomoyo\n");
  EXPECT_EQ(said(keys::kSecurityModules), "tomoyo");
  put("sys/fs/selinux/enforce", "0");
  EXPECT_EQ(said(keys::kSecurityModules), "tomoyo");
  put("sys/fs/selinux/enforce", "1");
  EXPECT_EQ(said(keys::kSecurityModules), "selinux, tomoyo");
}

TEST_F(SecurityModules, OfAKernelWithoutAnyAreNone) {
  put("proc/filesystems", "nodev\tsysfs\n\text4\n");
  EXPECT_EQ(said(keys::kSecurityModules), "none");
  put("proc/filesystems", "nodev\tsecurityfs\n\text4\n");
  EXPECT_EQ(said(keys::kSecurityModules), "unknown: unsupported");
}

TEST(SecurityModuleList, BrokenOnesHarmNothing) {
  EXPECT_TRUE(parse_lsm("").empty());
  EXPECT_TRUE(parse_lsm(",,\n").empty());
  EXPECT_EQ(parse_lsm(std::string(100'000, 'a')).size(), 1u);
  EXPECT_FALSE(any_profile_enforced("x (enforce) y\n(enforce)"));
}

}  // namespace
}  // namespace postern::agent
