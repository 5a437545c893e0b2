#include "agent/collectors/asked/directory_service.h"

#include <gtest/gtest.h>
#include <utmp.h>

#include <cstring>

#include "agent/collectors/asked/asked_lab.h"
#include "base/file.h"

namespace postern::agent {
namespace {

std::string big(std::uint32_t value, int bytes) {
  std::string out;
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i));
  return out;
}
std::string counted(const std::string& text) { return big(static_cast<std::uint32_t>(text.size()), 2) + text; }

std::string entry(const std::string& realm, const std::vector<std::string>& components) {
  std::string body = big(static_cast<std::uint32_t>(components.size()), 2) + counted(realm);
  for (const auto& component : components) body += counted(component);
  body += big(1, 4) + big(0, 4) + big(2, 1) + big(18, 2) + counted(std::string(32, 'k'));
  return big(static_cast<std::uint32_t>(body.size()), 4) + body;
}
const std::string kKeytabHead = "\x05\x02";

TEST(Keytab, NamesTheRealmsThatTheMachineIsAMemberOf) {
  const auto realms = parse_keytab_realms(kKeytabHead + entry("CORP.EXAMPLE", {"host", "laptop.corp.example"}) +
                                          big(static_cast<std::uint32_t>(-8), 4) + std::string(8, 'x') +
                                          entry("AD.EXAMPLE", {"LAPTOP$"}) + entry("OTHER.EXAMPLE", {"alice"}) +
                                          entry("WEB.EXAMPLE", {"HTTP", "laptop"}));
  ASSERT_TRUE(realms);
  EXPECT_EQ(*realms, (std::set<std::string>{"ad.example", "corp.example"}));
}

TEST(Keytab, BrokenOnesAreErrors) {
  EXPECT_FALSE(parse_keytab_realms(""));
  EXPECT_FALSE(parse_keytab_realms("\x05\x01"));
  const auto whole = kKeytabHead + entry("CORP.EXAMPLE", {"host", "laptop"});
  for (std::size_t size = 3; size < whole.size(); ++size) EXPECT_FALSE(parse_keytab_realms(whole.substr(0, size))) << size;
  EXPECT_TRUE(parse_keytab_realms(kKeytabHead)->empty());
  EXPECT_FALSE(parse_keytab_realms(kKeytabHead + "\x80" + std::string(3, '\0')));
  EXPECT_TRUE(parse_keytab_realms(kKeytabHead + big(2, 4) + "\xff\xff")->empty());
}

TEST(DirectoryConfigurations, NameDomains) {
  EXPECT_EQ(parse_samba_realm("[global]\n security = ADS\n realm = CORP.EXAMPLE\n[share]\nrealm = x\n"), "corp.example");
  EXPECT_EQ(parse_samba_realm("[global]\n realm = CORP.EXAMPLE\n"), "");
  EXPECT_EQ(parse_sssd_domains("[sssd]\ndomains = a.example, b.example\n[domain/a.example]\ndomains = x\n"),
            (std::vector<std::string>{"a.example", "b.example"}));
  EXPECT_EQ(domain_of_login("alice@Corp.Example"), "corp.example");
  EXPECT_EQ(domain_of_login("CORP\\alice"), "corp");
  EXPECT_EQ(domain_of_login("alice"), "");
  EXPECT_EQ(parse_table_column("root:x:0:0\nbroken\nbob:x:7:7\n", 2), (std::set<std::string>{"0", "7"}));
}

const auto kStart = from_unix_ms(1'780'000'000'000);

class DirectoryService : public AskedLab {
 protected:
  static constexpr int kLogin = 55;
  /// Each by a session of that process; 0: it is not said.
  void present(const std::vector<std::string>& users, int pid = kLogin) {
    started(kStart);
    if (pid == kLogin && !std::filesystem::exists(root_ / "proc/55")) runs(kLogin, "login");
    utmp start{};
    start.ut_type = BOOT_TIME;
    start.ut_tv.tv_sec = static_cast<int>(to_unix_ms(kStart) / 1000);
    std::string records(reinterpret_cast<const char*>(&start), sizeof start);
    for (const auto& user : users) {
      utmp one{};
      one.ut_type = USER_PROCESS;
      one.ut_pid = pid;
      std::strncpy(one.ut_user, user.c_str(), sizeof one.ut_user);
      records.append(reinterpret_cast<const char*>(&one), sizeof one);
    }
    put("run/utmp", records);
  }
};

TEST_F(DirectoryService, TheMachineIsAMemberByItsKeys) {
  EXPECT_EQ(said(keys::kJoinedDomains), "none");
  put("etc/krb5.keytab", kKeytabHead + entry("CORP.EXAMPLE", {"host", "laptop"}));
  EXPECT_EQ(said(keys::kJoinedDomains), "corp.example");
  put("etc/samba/smb.conf", "[global]\nsecurity = ads\nrealm = AD.EXAMPLE\n");
  EXPECT_EQ(said(keys::kJoinedDomains), "corp.example");  // configured, not joined
  put("var/lib/samba/private/secrets.tdb", "x");
  EXPECT_EQ(said(keys::kJoinedDomains), "ad.example, corp.example");
  put("etc/krb5.keytab", "garbage");
  EXPECT_EQ(said(keys::kJoinedDomains), "unknown: failed");
}

TEST_F(DirectoryService, PeopleAreOfTheirDomain) {
  EXPECT_EQ(said(keys::kUserDomains), "unknown: unsupported");
  put("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n");
  present({"root"});
  EXPECT_EQ(said(keys::kUserDomains), "none");
  present({"root", "alice@corp.example", "AD\\bob"});
  EXPECT_EQ(said(keys::kUserDomains), "ad, corp.example");
  present({"carol"});
  EXPECT_EQ(said(keys::kUserDomains), "unknown: unsupported");
  put("etc/sssd/sssd.conf", "[sssd]\ndomains = Corp.Example\n");
  EXPECT_EQ(said(keys::kUserDomains), "corp.example");
  put("etc/sssd/conf.d/10.conf", "[sssd]\ndomains = part.example\n");
  EXPECT_EQ(said(keys::kUserDomains), "part.example");
  std::filesystem::remove_all(root_ / "etc/sssd/conf.d");
  put("etc/sssd/sssd.conf", "[sssd]\ndomains = a, b\n");
  EXPECT_EQ(said(keys::kUserDomains), "unknown: unsupported");
  EXPECT_EQ(said(keys::kUserGroups), "unknown: unsupported");
}

TEST_F(DirectoryService, SystemdTooSaysWhoIsLoggedIn) {
  put("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n");
  put("run/systemd/users/1000", "NAME=alice@corp.example\nSTATE=active\n");
  put("run/systemd/users/1001", "NAME=bob@other.example\nSTATE=lingering\n");
  runs(42, "systemd-logind");
  EXPECT_EQ(said(keys::kUserDomains), "corp.example");
}

TEST_F(DirectoryService, WhatADeadLogindOrAnImageLeftSaysNothing) {
  put("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n");
  put("run/systemd/users/.new", "");
  EXPECT_EQ(said(keys::kUserDomains), "unknown: unsupported");
  EXPECT_EQ(said(keys::kUserGroups), "unknown: unsupported");
  put("run/systemd/users/1000", "NAME=alice@corp.example\nSTATE=active\n");
  EXPECT_EQ(said(keys::kUserDomains), "unknown: unsupported");
  runs(41, "systemd-journal");
  EXPECT_EQ(said(keys::kUserDomains), "unknown: unsupported");
  runs(42, "elogind-daemon");
  EXPECT_EQ(said(keys::kUserDomains), "corp.example");
  ends(42);
  EXPECT_EQ(said(keys::kUserDomains), "unknown: unsupported");
  // That of another container has a /run of its own.
  put("other/run/systemd/users/1000", "NAME=eve\nSTATE=active\n");
  runs(43, "systemd-logind", "other");
  EXPECT_EQ(said(keys::kUserDomains), "unknown: unsupported");
}

TEST_F(DirectoryService, ASessionWhoseProcessIsGoneSaysNothing) {
  put("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n");
  for (const int pid : {77, 0, -5}) {
    present({"alice@corp.example"}, pid);
    EXPECT_EQ(said(keys::kUserDomains), "unknown: failed") << pid;
  }
  present({"alice@corp.example"}, 77);
  put("run/utmp", read_file(root_ / "run/utmp", 4096).value() + "torn");
  EXPECT_EQ(said(keys::kUserDomains), "unknown: failed");
  present({"alice@corp.example"}, 77);
  runs(77, "sshd");
  EXPECT_EQ(said(keys::kUserDomains), "corp.example");
  ends(77);
  runs(42, "systemd-logind");
  put("run/systemd/users/1001", "NAME=bob@other.example\nSTATE=active\n");
  EXPECT_EQ(said(keys::kUserDomains), "none");  // utmp's are told, and she is no more
  put("run/systemd/users/1000", "NAME=alice@corp.example\nSTATE=active\n");
  EXPECT_EQ(said(keys::kUserDomains), "corp.example");
}

TEST_F(DirectoryService, RecordsOfLoginsCountWhereTheMachinesStartIsAmongThem) {
  put("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n");
  put("run/utmp", "");  // made and never written to, as where the C library has no such records
  started(kStart);
  EXPECT_EQ(said(keys::kUserDomains), "unknown: unsupported");
  present({});
  EXPECT_EQ(said(keys::kUserDomains), "none");
  started(kStart + Seconds(3600));  // an earlier start wrote them
  EXPECT_EQ(said(keys::kUserDomains), "unknown: unsupported");
  runs(42, "systemd-logind");
  put("run/systemd/users/1000", "NAME=alice@corp.example\nSTATE=active\n");
  EXPECT_EQ(said(keys::kUserDomains), "corp.example");
}

}  // namespace
}  // namespace postern::agent
