#include "vuln/apk_installed.h"

#include <gtest/gtest.h>

namespace postern::vuln {
namespace {

/// As apk writes it: checksum, sizes, dependencies, and a package's files.
constexpr std::string_view kTwoPackages =
    "C:Q1IlsVFgIBEnJrTVZmxVGlMOVNpPY=\nP:libcrypto3\nV:3.1.4-r5\nA:x86_64\nS:1710652\nI:4206592\n"
    "T:Crypto library from openssl\nU:https://www.openssl.org/\nL:Apache-2.0\no:openssl\n"
    "m:Ariadne Conill <ariadne@dereferenced.org>\nt:1706285484\nc:b784a22cad0c452586b438cb7a597d846fc09ff4\n"
    "D:so:libc.musl-x86_64.so.1\np:so:libcrypto.so.3=3\nF:etc\nF:etc/ssl\nR:ct_log_list.cnf\n"
    "Z:Q1olh8TpdAi2QnTl4FK3TjdUiSwTo=\nF:lib\nR:libcrypto.so.3\na:0:0:755\nZ:Q1wwxCBlcFkNNHVI8KGMJ1JMTdFEs=\n\n"
    "C:Q1Deb0jNytkrjPW4N/eKLZ43BwOlw=\nP:musl\nV:1.2.4_git20230717-r4\nA:x86_64\no:musl\n\n";

Result<Inventory> parse_apk(std::string_view text) { return parse_apk_installed(text, {"alpine", "3.19.1"}); }

TEST(ApkInstalled, GivesPackagesAndTheirOrigins) {
  const auto inventory = parse_apk(kTwoPackages);
  ASSERT_TRUE(inventory) << inventory.error().message;
  EXPECT_EQ(inventory->distro, (Distro{"alpine", "3.19.1"}));
  EXPECT_EQ(inventory->packages,
            (std::vector<Package>{{"libcrypto3", "x86_64", "3.1.4-r5", "openssl", "3.1.4-r5"},
                                  {"musl", "x86_64", "1.2.4_git20230717-r4", "musl", "1.2.4_git20230717-r4"}}));
}

TEST(ApkInstalled, AVirtualPackageIsItsOwnOrigin) {
  const auto inventory = parse_apk("P:.build-deps\nV:20240101.120000\n");
  ASSERT_TRUE(inventory) << inventory.error().message;
  EXPECT_EQ(inventory->packages[0],
            (Package{".build-deps", "noarch", "20240101.120000", ".build-deps", "20240101.120000"}));
}

TEST(ApkInstalled, DamageIsRefusedAndNamed) {
  const std::pair<std::string_view, const char*> cases[] = {
      {"", "no installed package"},
      {"P:a\nV:1\nA:x", "truncated"},
      {"P:a\nV:1\nnonsense\n\n", "line 3 (package a): it is no"},
      {"P:a\nP:b\nV:1\n\n", "line 2 (package a): the field is given twice"},
      {"V:1\nA:x\n\n", "line 1: its name"},
      {"P:a\nA:x\n\n", "line 1 (package a): its name"},
      {"P:a b\nV:1\n\n", "line 1: its name"},
      {"P:a\nV:1\n\nP:a\nV:1\n\n", "package a 1 of architecture noarch is listed twice"},
  };
  for (const auto& [text, says] : cases) {
    const auto inventory = parse_apk(text);
    ASSERT_FALSE(inventory) << text;
    EXPECT_EQ(inventory.error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(inventory.error().message.find(says), std::string::npos) << inventory.error().message;
  }
}

}  // namespace
}  // namespace postern::vuln
