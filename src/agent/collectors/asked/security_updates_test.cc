#include "agent/collectors/asked/security_updates.h"

#include "agent/collectors/asked/asked_lab.h"

namespace postern::agent {
namespace {

constexpr const char* kRelease =
    "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nOrigin: Debian\nLabel: Debian-Security\nSuite: "
    "oldstable-security\n"
    "Version: 12\nCodename: bookworm-security\nDate: Wed, 25 Nov 2026 02:22:30 UTC\n"
    "Valid-Until: Wed, 02 Dec 2026 02:22:30 UTC\nSHA256:\n e3b0c442 0 Suite: x\n\n-----BEGIN PGP "
    "SIGNATURE-----\n\nCodename: sid\n";
constexpr std::int64_t kReleasedAt = 1'795'573'350'000;

class SecurityUpdates : public AskedLab {
 protected:
  SecurityUpdates() {
    put("etc/os-release", "ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n");
    put("var/lib/dpkg/status",
        installed("libssl3", "amd64", "3.0.11-1~deb12u1") + installed("bash", "amd64", "5.2.15-2") +
            installed("tzdata", "all", "2024a-0+deb12u1") +
            "Package: gone\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 1\n\n");
  }
  static std::string installed(const std::string& name, const std::string& arch, const std::string& version) {
    return "Package: " + name + "\nStatus: install ok installed\nArchitecture: " + arch + "\nVersion: " + version +
           "\n\n";
  }
  static std::string listed(const std::string& name, const std::string& arch, const std::string& version) {
    return "Package: " + name + "\nVersion: " + version + "\nArchitecture: " + arch +
           "\nDescription: x\n Version: 9\n\n";
  }
  void list(const std::string& file, const std::string& text) { put(("var/lib/apt/lists/" + file).c_str(), text); }
  std::string pending() const { return said(keys::kSecurityPending); }
};

constexpr const char* kSecurity = "deb.debian.org_debian-security_dists_bookworm-security_";

TEST_F(SecurityUpdates, AreThoseOfTheSecurityArchiveThatAreNewer) {
  list(std::string(kSecurity) + "InRelease", kRelease);
  const auto index = std::string(kSecurity) + "main_binary-amd64_Packages";
  list(index, listed("bash", "amd64", "5.2.15-2") + listed("gone", "amd64", "2") +
                  listed("libssl3", "amd64", "3.0.11-1~deb12u2") + listed("other", "amd64", "1"));
  EXPECT_EQ(pending(), "1");
  EXPECT_EQ(said(keys::kSecurityListsAt), std::to_string(kReleasedAt));
  // Those of other archives are updates, too, but none of security.
  list("deb.debian.org_debian_dists_bookworm_InRelease", "Origin: Debian\nLabel: Debian\nSuite: oldstable\nCodename: bookworm\n");
  list("deb.debian.org_debian_dists_bookworm_main_binary-amd64_Packages", listed("bash", "amd64", "6"));
  EXPECT_EQ(pending(), "1");
  list(std::string(kSecurity) + "contrib_binary-amd64_Packages", listed("tzdata", "all", "2026a-0+deb12u1"));
  EXPECT_EQ(pending(), "2");
  put("var/lib/dpkg/status", installed("libssl3", "amd64", "3.0.11-1~deb12u1") + installed("libssl3", "i386", "3.0.11-1~deb12u2") +
                                 installed("tzdata", "all", "2024a-0+deb12u1"));
  EXPECT_EQ(ask(keys::kSecurityPending).source, "/var/lib/apt/lists: apt has no list of security updates for i386");
  put("var/lib/dpkg/status", installed("libssl3", "amd64", "3.0.11-1~deb12u1") + installed("libssl3", "i386", "3.0.11-1~deb12u2") +
                                 installed("bash", "amd64", "1") + installed("tzdata", "all", "2024a-0+deb12u1"));
  list(std::string(kSecurity) + "main_binary-i386_Packages", listed("libssl3", "i386", "3.0.11-1~deb12u3"));
  EXPECT_EQ(pending(), "4");
}

TEST_F(SecurityUpdates, NoneIsSaidOnlyByListsOfThisRelease) {
  EXPECT_EQ(pending(), "unknown: unsupported");  // without lists
  list("deb.debian.org_debian_dists_bookworm_InRelease", "Origin: Debian\nLabel: Debian\nSuite: oldstable\nCodename: bookworm\n");
  list("deb.debian.org_debian_dists_bookworm_main_binary-amd64_Packages", listed("bash", "amd64", "6"));
  EXPECT_EQ(ask(keys::kSecurityPending).source, "/var/lib/apt/lists: apt has no list of security updates of bookworm");
  list(std::string(kSecurity) + "InRelease", kRelease);
  list(std::string(kSecurity) + "main_source_Sources", "x");
  EXPECT_EQ(pending(), "unknown: unsupported");  // of sources alone
  list(std::string(kSecurity) + "contrib_binary-amd64_Packages", "");
  list(std::string(kSecurity) + "main_binary-all_Packages", "");
  EXPECT_EQ(pending(), "unknown: unsupported");  // the archive's main part is missing
  list(std::string(kSecurity) + "main_binary-amd64_Packages", "");
  EXPECT_EQ(pending(), "0");
  put("etc/os-release", "ID=debian\nVERSION_ID=\"13\"\nVERSION_CODENAME=trixie\n");
  EXPECT_EQ(pending(), "unknown: unsupported");  // left behind by an upgrade
  EXPECT_EQ(said(keys::kSecurityListsAt), "unknown: unsupported");
}

TEST_F(SecurityUpdates, OfUbuntuAndWhatIsMadeOfIt) {
  put("etc/os-release", "ID=linuxmint\nID_LIKE=\"ubuntu debian\"\nVERSION_CODENAME=virginia\nUBUNTU_CODENAME=jammy\n");
  list("archive.ubuntu.com_ubuntu_dists_jammy-security_InRelease",
       "Origin: Ubuntu\nLabel: Ubuntu\nSuite: jammy-security\nCodename: jammy\nDate: Wed, 25 Nov 2026  2:22:30 UTC\n");
  list("archive.ubuntu.com_ubuntu_dists_jammy-security_main_binary-amd64_Packages",
       listed("bash", "amd64", "5.2.15-3"));
  EXPECT_EQ(pending(), "1");
  EXPECT_EQ(said(keys::kSecurityListsAt), std::to_string(kReleasedAt));
}

TEST_F(SecurityUpdates, WhatCannotBeReadIsNoSmallerNumber) {
  list(std::string(kSecurity) + "InRelease", kRelease);
  list(std::string(kSecurity) + "main_binary-amd64_Packages", "Package: bash\nArchitecture: amd64\n\n");
  EXPECT_EQ(pending(), "unknown: failed");
  list(std::string(kSecurity) + "main_binary-amd64_Packages", "package: bash\n\x01\x02");
  EXPECT_EQ(pending(), "unknown: failed");
  list(std::string(kSecurity) + "main_binary-amd64_Packages", listed("bash", "amd64", "6"));
  EXPECT_EQ(pending(), "1");
  list(std::string(kSecurity) + "contrib_binary-amd64_Packages.lz4", "x");  // an image's apt is not run
  EXPECT_EQ(pending(), "unknown: unsupported");
}

TEST_F(SecurityUpdates, OfAnotherThanTheDistributionAreNotItsOwn) {
  const std::string other = "packages.example.com_dists_bookworm-security_";
  list(other + "InRelease",
       "Origin: Example\nLabel: Example\nCodename: bookworm-security\nDate: Wed, 25 Nov 2026 02:22:30 UTC\n");
  list(other + "main_binary-amd64_Packages", "");
  EXPECT_EQ(ask(keys::kSecurityPending).source, "/var/lib/apt/lists: apt has no list of security updates of bookworm");
  list(std::string(kSecurity) + "InRelease", kRelease);
  list(std::string(kSecurity) + "main_binary-amd64_Packages", "");
  list(other + "main_binary-amd64_Packages", listed("bash", "amd64", "6"));
  EXPECT_EQ(pending(), "0");
  put("etc/os-release", "ID=other\nVERSION_CODENAME=bookworm\n");
  EXPECT_EQ(pending(), "unknown: unsupported");
}

TEST_F(SecurityUpdates, OfListsElsewhereAreUnknown) {
  list(std::string(kSecurity) + "InRelease", kRelease);  // left behind
  list(std::string(kSecurity) + "main_binary-amd64_Packages", "");
  EXPECT_EQ(pending(), "0");
  put("etc/apt/apt.conf.d/50lists", "Dir::State::lists \"/srv/lists\";");
  EXPECT_EQ(ask(keys::kSecurityPending).source,
            "/var/lib/apt/lists: apt is told to keep its lists in /srv/lists, which is not looked at");
}

TEST_F(SecurityUpdates, OfAVersionThatIsNoneAreUnknown) {
  list(std::string(kSecurity) + "InRelease", kRelease);
  list(std::string(kSecurity) + "main_binary-amd64_Packages", listed("bash", "amd64", "6"));
  put("var/lib/dpkg/status", installed("bash", "amd64", "~~?") + installed("tzdata", "all", "1"));
  EXPECT_EQ(pending(), "unknown: failed");
  EXPECT_EQ(ask(keys::kSecurityPending).source,
            "/var/lib/apt/lists: /var/lib/dpkg/status: the version of bash is none: ~~?");
}

TEST_F(SecurityUpdates, TheOldestOfSeveralListsCounts) {
  for (const auto* mirror : {"a_", "b_"}) {
    list(std::string(mirror) + "bookworm-security_main_binary-amd64_Packages", "");
  }
  list("a_bookworm-security_InRelease", kRelease);
  list("b_bookworm-security_Release",
       "Origin: Debian\nLabel: Debian-Security\nCodename: bookworm-security\nDate: Sun, 01 Nov 2026 00:00:00 UTC\n");
  EXPECT_EQ(said(keys::kSecurityListsAt), "1793491200000");
  list("b_bookworm-security_Release", "Origin: Debian\nLabel: Debian-Security\nCodename: bookworm-security\n");
  EXPECT_EQ(pending(), "unknown: failed");
}

TEST(AptReleases, OfSecurity) {
  const auto holds = [](const char* label, const char* suite, const char* codename, const char* of) {
    return is_security_of({"Debian", label, suite, codename, {}}, of);
  };
  EXPECT_TRUE(holds("Debian-Security", "oldstable-security", "bookworm-security", "bookworm"));
  EXPECT_TRUE(holds("Debian-Security", "oldstable", "buster", "buster"));
  EXPECT_TRUE(holds("Debian-Security", "oldstable", "buster/updates", "buster"));
  EXPECT_TRUE(holds("Ubuntu", "jammy-security", "jammy", "jammy"));
  EXPECT_FALSE(holds("Ubuntu", "jammy-updates", "jammy", "jammy"));
  EXPECT_FALSE(holds("Debian", "stable", "bookworm", "bookworm"));
  EXPECT_FALSE(holds("Debian-Security", "stable-security", "trixie-security", "bookworm"));
  EXPECT_FALSE(holds("x", "-security", "-security", ""));
}

TEST(AptReleases, Dates) {
  EXPECT_EQ(parse_release_date("Wed, 25 Nov 2026 02:22:30 UTC"), kReleasedAt);
  EXPECT_EQ(parse_release_date("Wed, 25 Nov 2026 02:22:30 +0000"), kReleasedAt);
  EXPECT_EQ(parse_release_date("Thu,  1 Jan 1970 00:00:00 GMT"), 0);
  for (const char* wrong :
       {"", "25 Nov 2026 02:22:30 UTC", "Wed, 31 Nov 2026 02:22:30 UTC", "Wed, 25 Nov 2026 02:22:30 CET",
        "Wed, 25 Nov 2026 24:22:30 UTC", "Wed, 25 nov 2026 02:22:30 UTC", "Wed, 25 Nov 2026 02:22 UTC"}) {
    EXPECT_EQ(parse_release_date(wrong), std::nullopt) << wrong;
  }
}

TEST(PackagesIndex, IsReadToItsEnd) {
  const auto whole = parse_packages_index(
      "Package: a\nVersion: 1\nArchitecture: all\n\n\nPackage: b\nArchitecture: amd64\nVersion: 2:1");
  ASSERT_TRUE(whole);
  EXPECT_EQ(*whole, (std::vector<ListedPackage>{{"a", "all", "1"}, {"b", "amd64", "2:1"}}));
  EXPECT_TRUE(parse_packages_index("")->empty());
  EXPECT_FALSE(parse_packages_index("Package: a\nVersion: 1\n\n"));
  EXPECT_FALSE(parse_packages_index("Version: 1\n"));
  EXPECT_EQ(*parse_packages_index("package: a\nVERSION: 1\narchitecture: all\n"),
            (std::vector<ListedPackage>{{"a", "all", "1"}}));
}

TEST(PackagesIndex, ThatIsNoneIsRefused) {
  const std::string one = "Package: a\nVersion: 1\nArchitecture: all\n";
  ASSERT_TRUE(parse_packages_index(one + " goes on\n\tand on\n"));
  for (const char* odd : {"\x01\x02\n", "garbage\n", "\x7f" "ELF: x\n", "\n goes on\n", "\nDescription: of nothing\n"})
    EXPECT_FALSE(parse_packages_index(one + odd)) << odd;
  EXPECT_FALSE(parse_packages_index("Package: a\nVersion: 1 2\nArchitecture: all\n"));
}

}  // namespace
}  // namespace postern::agent
