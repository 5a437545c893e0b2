#include "vuln/rpm_header.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "vuln/rpm_lab.h"

namespace postern::vuln {
namespace {

RpmHeader openssl_libs() { return {"openssl-libs", 1, "3.0.7", "27.el9", "x86_64", "openssl-3.0.7-27.el9.src.rpm"}; }

TEST(RpmHeader, GivesWhatCounts) {
  const auto header = parse_rpm_header(rpm_header_blob(openssl_libs()));
  ASSERT_TRUE(header) << header.error().message;
  EXPECT_EQ(header->name, "openssl-libs");
  EXPECT_EQ(header->epoch, 1u);
  EXPECT_EQ(header->version, "3.0.7");
  EXPECT_EQ(header->release, "27.el9");
  EXPECT_EQ(header->arch, "x86_64");
  EXPECT_EQ(header->source_rpm, "openssl-3.0.7-27.el9.src.rpm");
}

TEST(RpmHeader, OfRpmItself) {
  // What rpm 4.18 keeps of a package that rpmbuild made: an immutable region, and what the installation added behind
  // it.
  const auto blob = read_file(POSTERN_SOURCE_DIR "/fuzz/corpus/vuln_rpm_header/written_by_rpm", 1u << 20);
  ASSERT_TRUE(blob) << blob.error().message;
  const auto header = parse_rpm_header(*blob);
  ASSERT_TRUE(header) << header.error().message;
  const auto inventory = inventory_of_rpms({*header}, {"rocky", "9.4"});
  ASSERT_TRUE(inventory) << inventory.error().message;
  EXPECT_EQ(inventory->packages[0], (Package{"foo-libs", "noarch", "2:1.2~rc1-3.el9", "foo", "2:1.2~rc1-3.el9"}));
}

TEST(RpmHeader, AnyCutIsRefused) {
  const auto blob = rpm_header_blob(openssl_libs());
  for (std::size_t n = 0; n < blob.size(); ++n)
    EXPECT_FALSE(parse_rpm_header(std::string_view(blob).substr(0, n))) << n;
  EXPECT_FALSE(parse_rpm_header(blob + '\0'));
}

TEST(RpmHeader, DamageIsRefusedAndNamed) {
  const auto with = [] { return RpmHeaderWriter().text(1000, "a").text(1001, "1").text(1002, "1"); };
  ASSERT_TRUE(parse_rpm_header(with().blob()));
  const std::pair<std::string, const char*> cases[] = {
      {std::string(8, '\0'), "0 entries"},
      {std::string("\x7f\xff\xff\xff\0\0\0\0", 8), "entries"},
      {std::string("\0\0\0\1\xff\xff\xff\xff", 8) + std::string(16, '\0'), "length"},
      {RpmHeaderWriter().text(1000, "a").text(1001, "1").blob(), "no name, version or release"},
      {with().text(1000, "b").blob(), "tag 1000 is given twice"},
      {with().entry(1022, 6, 6, 1).blob(), "tag 1022 is no text"},  // Behind the data.
      {with().entry(1022, 6, 0xfffffff0u, 1).blob(), "tag 1022 is no text"},
      {with().entry(1022, 4, 0, 1).blob(), "tag 1022 is no text"},                           // A number.
      {RpmHeaderWriter().bytes(5, "x").entry(1000, 6, 0, 1).blob(), "tag 1000 is no text"},  // Without an end.
      {with().entry(1003, 4, 4, 1).blob(), "epoch"},
      {with().entry(1003, 4, 0xffffffffu, 1).blob(), "epoch"},
      {with().entry(1003, 6, 0, 1).blob(), "epoch"},
      {with().entry(1003, 4, 0, 2).blob(), "epoch"},
  };
  for (const auto& [blob, says] : cases) {
    const auto header = parse_rpm_header(blob);
    ASSERT_FALSE(header) << says;
    EXPECT_EQ(header.error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(header.error().message.find(says), std::string::npos) << header.error().message;
  }
}

TEST(RpmInventory, VersionsCarryTheirEpochsSourcesToo) {
  const std::vector<RpmHeader> headers = {
      openssl_libs(),
      {"openssl", 1, "3.0.7", "27.el9", "x86_64", "openssl-3.0.7-27.el9.src.rpm"},
      // A part of Perl with a version of its own: Perl's epoch is known from Perl itself.
      {"perl-Errno", 0, "1.30", "481.el9", "x86_64", "perl-5.32.1-481.el9.src.rpm"},
      {"perl-libs", 4, "5.32.1", "481.el9", "x86_64", "perl-5.32.1-481.el9.src.rpm"},
      {"bash", 0, "5.1.8", "9.el9", "x86_64", "bash-5.1.8-9.el9.src.rpm"},
      {"gpg-pubkey", 0, "6657ae", "62ae", "", ""},
      {"own-tool", 0, "1.0", "1", "noarch", ""},
      {"odd", 0, "2.0", "1", "noarch", "odd.src.rpm"},
  };
  const auto inventory = inventory_of_rpms(headers, {"rocky", "9.4"});
  ASSERT_TRUE(inventory) << inventory.error().message;
  EXPECT_EQ(inventory->packages,
            (std::vector<Package>{{"bash", "x86_64", "5.1.8-9.el9", "bash", "5.1.8-9.el9"},
                                  {"odd", "noarch", "2.0-1", "odd", "2.0-1"},
                                  {"openssl", "x86_64", "1:3.0.7-27.el9", "openssl", "1:3.0.7-27.el9"},
                                  {"openssl-libs", "x86_64", "1:3.0.7-27.el9", "openssl", "1:3.0.7-27.el9"},
                                  {"own-tool", "noarch", "1.0-1", "own-tool", "1.0-1"},
                                  {"perl-Errno", "x86_64", "1.30-481.el9", "perl", "4:5.32.1-481.el9"},
                                  {"perl-libs", "x86_64", "4:5.32.1-481.el9", "perl", "4:5.32.1-481.el9"}}));
}

TEST(RpmInventory, KernelsSideBySideAreTwoPackages) {
  const std::vector<RpmHeader> headers = {
      {"kernel-core", 0, "5.14.0", "427.el9", "x86_64", "kernel-5.14.0-427.el9.src.rpm"},
      {"kernel-core", 0, "5.14.0", "503.el9", "x86_64", "kernel-5.14.0-503.el9.src.rpm"}};
  const auto inventory = inventory_of_rpms(headers, {"rocky", "9.4"});
  ASSERT_TRUE(inventory) << inventory.error().message;
  EXPECT_EQ(inventory->packages.size(), 2u);
  const auto text = inventory_text(*inventory);
  ASSERT_TRUE(text) << text.error().message;
  EXPECT_EQ(parse_inventory(*text).value(), *inventory);
}

TEST(RpmInventory, WhatItCannotCarryIsRefused) {
  EXPECT_FALSE(inventory_of_rpms({}, {"rocky", "9"}));
  EXPECT_FALSE(inventory_of_rpms({{"gpg-pubkey", 0, "1", "1", "", ""}}, {"rocky", "9"}));
  EXPECT_FALSE(inventory_of_rpms({{"a b", 0, "1", "1", "noarch", ""}}, {"rocky", "9"}));
  EXPECT_FALSE(inventory_of_rpms({{"a", 0, std::string(300, '1'), "1", "noarch", ""}}, {"rocky", "9"}));
  const auto twice =
      inventory_of_rpms({{"a", 0, "1", "1", "noarch", ""}, {"a", 0, "1", "1", "noarch", ""}}, {"rocky", "9"});
  ASSERT_FALSE(twice);
  EXPECT_NE(twice.error().message.find("a 1-1"), std::string::npos) << twice.error().message;
}

}  // namespace
}  // namespace postern::vuln
