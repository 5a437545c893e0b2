#include "vuln/dpkg_status.h"

#include <gtest/gtest.h>

#include <string>

namespace postern::vuln {
namespace {

std::string stanza(std::string_view name, std::string_view status, std::string_view version,
                   std::string_view more = "") {
  return std::string("Package: ")
      .append(name)
      .append("\nStatus: ")
      .append(status)
      .append("\nArchitecture: amd64\nVersion: ")
      .append(version)
      .append("\n")
      .append(more)
      .append("\n");
}

Result<Inventory> parse(const std::string& text) { return parse_dpkg_status(text, {"debian", "12"}); }

TEST(DpkgStatus, TakesWhatIsOnTheDisk) {
  std::string text;
  for (const char* present : {"install ok installed", "hold ok installed", "deinstall ok unpacked",
                              "install reinstreq half-configured", "install ok triggers-awaited",
                              "install ok triggers-pending"})
    text += stanza("in" + std::to_string(text.size()), present, "1-1");
  for (const char* absent : {"deinstall ok config-files", "purge ok not-installed",
                             "install reinstreq half-installed"})
    text += stanza("out" + std::to_string(text.size()), absent, "1-1");
  text += "Package: mentioned\nArchitecture: amd64\n\n";
  const auto parsed = parse(text);
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->packages.size(), 6u);
  for (const auto& p : parsed->packages) EXPECT_TRUE(p.name.starts_with("in")) << p.name;
}

TEST(DpkgStatus, SourceAndItsVersionDefaultToThePackagesOwn) {
  const auto parsed = parse(stanza("a", "install ok installed", "1-1") +
                            stanza("b", "install ok installed", "2-1", "Source: src\n") +
                            stanza("c", "install ok installed", "1.10.0-3+b1",
                                   "Source: libssh2 (1.10.0-3)\n") +
                            stanza("d", "install ok installed", "4:12.2.0-3",
                                   "Source: gcc-defaults (1.203)\n"));
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->packages[0], (Package{"a", "amd64", "1-1", "a", "1-1"}));
  EXPECT_EQ(parsed->packages[1], (Package{"b", "amd64", "2-1", "src", "2-1"}));
  EXPECT_EQ(parsed->packages[2], (Package{"c", "amd64", "1.10.0-3+b1", "libssh2", "1.10.0-3"}));
  EXPECT_EQ(parsed->packages[3], (Package{"d", "amd64", "4:12.2.0-3", "gcc-defaults", "1.203"}));
}

TEST(DpkgStatus, ContinuedLinesAndOtherFieldsAreNotRead) {
  const auto parsed =
      parse("package: a\nSTATUS: install ok installed\nDescription: x\n Version: 9\n .\n\tPackage: z\n"
            "Conffiles:\n /etc/x 0123\nArchitecture: all\nVersion:   1-1  \n");
  ASSERT_TRUE(parsed) << parsed.error().message;
  ASSERT_EQ(parsed->packages.size(), 1u);
  EXPECT_EQ(parsed->packages[0], (Package{"a", "all", "1-1", "a", "1-1"}));
}

TEST(DpkgStatus, DamageIsRefusedAndNamed) {
  const auto good = stanza("good", "install ok installed", "1-1");
  const struct {
    std::string text;
    const char* says;
  } cases[] = {
      {"", "no installed package"},
      {stanza("a", "deinstall ok config-files", "1"), "no installed package"},
      {good + "Status: install ok installed\n\n", "without a Package"},
      {good + "Package: a\nStatus: install ok installed\nArchitecture: x\n\n", "package a"},
      {good + stanza("a", "installed", "1"), "not three words"},
      {good + stanza("a", "install ok installed", "1", "Source: s (2\n"), "name (version)"},
      {good + stanza("a", "install ok installed", "1", "Source: s ()\n"), "package a"},
      {good + stanza("a", "install ok installed", "1 2"), "package a"},
      {good + stanza("a", "install ok installed", "1", "Version: 2\n"), "twice"},
      {good + good, "listed twice"},
      {good + "no field\n\n", "line 6"},
      {good + " continued\n", "line 6"},
      {good + "Package: cut", "truncated"},
  };
  for (const auto& c : cases) {
    const auto parsed = parse(c.text);
    ASSERT_FALSE(parsed) << c.text;
    EXPECT_EQ(parsed.error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(parsed.error().message.find(c.says), std::string::npos) << parsed.error().message;
  }
}

}  // namespace
}  // namespace postern::vuln
