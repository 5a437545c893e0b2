#include "vuln/inventory.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace postern::vuln {
namespace {

Inventory sample() {
  return {{"debian", "12"},
          {{"libc6", "amd64", "2.36-9+deb12u1", "glibc", "2.36-9+deb12u1"},
           {"libc6", "i386", "2.36-9+deb12u1", "glibc", "2.36-9+deb12u1"},
           {"less", "amd64", "590-2.1~deb12u2", "less", "590-2.1~deb12u2"}}};
}

TEST(Inventory, IsWrittenAsItsHeaderSays) {
  EXPECT_EQ(inventory_text(sample()).value(),
            "postern-inventory 1\n"
            "distro debian 12\n"
            "less amd64 590-2.1~deb12u2 less 590-2.1~deb12u2\n"
            "libc6 amd64 2.36-9+deb12u1 glibc 2.36-9+deb12u1\n"
            "libc6 i386 2.36-9+deb12u1 glibc 2.36-9+deb12u1\n");
}

TEST(Inventory, HasOneTextWhateverTheOrder) {
  auto other = sample();
  std::reverse(other.packages.begin(), other.packages.end());
  EXPECT_EQ(inventory_text(other).value(), inventory_text(sample()).value());
}

TEST(Inventory, ParsesToWhatWasWritten) {
  for (const char* version : {"12", ""}) {
    auto inventory = sample();
    inventory.distro.version = version;
    const auto text = inventory_text(inventory).value();
    std::sort(inventory.packages.begin(), inventory.packages.end());
    EXPECT_EQ(parse_inventory(text).value(), inventory);
  }
}

TEST(Inventory, RefusesEveryTextThatIsNotTheCanonicalOne) {
  const auto text = inventory_text(sample()).value();
  for (std::size_t n = 0; n < text.size(); ++n) {
    // Whole packages missing at the end are another inventory; any other prefix is none.
    const auto parsed = parse_inventory(text.substr(0, n));
    if (parsed) {
      EXPECT_EQ(inventory_text(*parsed).value(), text.substr(0, n));
    }
  }
  const std::string head = "postern-inventory 1\ndistro debian 12\n";
  for (const char* rest :
       {"b all 1 b 1\na all 1 a 1\n", "a all 1 a 1\na all 1 a 1\n", "a all 1 a 1\na all 1 b 1\n",
        "a  all 1 a 1\n", "a all 1 a\n", "a all 1 a 1 1\n", "a all 1 a 1 \n", "a all 1 a 1", "\n",
        "a all 1\t a 1\n", "\xc3\xa4 all 1 a 1\n", "a all 1 a 1\r\n", ""}) {
    const auto parsed = parse_inventory(head + rest);
    ASSERT_FALSE(parsed) << rest;
    EXPECT_EQ(parsed.error().code, ErrorCode::kInvalidArgument) << rest;
  }
  EXPECT_FALSE(parse_inventory("postern-inventory 2\ndistro debian 12\na all 1 a 1\n"));
  EXPECT_FALSE(parse_inventory("postern-inventory 1\ndistro debian\na all 1 a 1\n"));
}

TEST(Inventory, ErrorsNameThePackage) {
  auto inventory = sample();
  inventory.packages.push_back(inventory.packages[2]);
  const auto twice = inventory_text(inventory);
  ASSERT_FALSE(twice);
  EXPECT_NE(twice.error().message.find("package less of architecture amd64"), std::string::npos)
      << twice.error().message;
  inventory = sample();
  inventory.packages[0].version = "1 2";
  const auto spaced = inventory_text(inventory);
  ASSERT_FALSE(spaced);
  EXPECT_NE(spaced.error().message.find("libc6"), std::string::npos) << spaced.error().message;
  EXPECT_FALSE(inventory_text({{"debian", "12"}, {}}));
}

TEST(Inventory, VersionsOfOneSourceAreBounded) {
  auto inventory = sample();
  for (std::size_t i = 1; i <= kMaxVersionsOfSource; ++i) {
    const auto version = fmt::format("6.1.{}-1", i);
    inventory.packages.push_back(
        {fmt::format("linux-image-{}", i), "amd64", version, "linux", version});
  }
  const auto most = inventory_text(inventory);
  ASSERT_TRUE(most) << most.error().message;
  EXPECT_TRUE(parse_inventory(*most));
  inventory.packages.push_back({"linux-image-x", "amd64", "7-1", "linux", "7-1"});
  const auto more = inventory_text(inventory);
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().code, ErrorCode::kResourceExhausted);
  const auto parsed = parse_inventory(*most + "linux-image-x amd64 7-1 linux 7-1\n");
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().code, ErrorCode::kResourceExhausted) << parsed.error().message;
}

TEST(OsRelease, GivesIdAndVersion) {
  EXPECT_EQ(parse_os_release("PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_ID=\"12\"\n"
                             "ID=debian\n")
                .value(),
            (Distro{"debian", "12"}));
  EXPECT_EQ(parse_os_release("ID='debian'\r\n# ID=x\n").value(), (Distro{"debian", ""}));
  EXPECT_FALSE(parse_os_release(""));
  EXPECT_FALSE(parse_os_release("ID=\"\"\n"));
  EXPECT_FALSE(parse_os_release("ID=de bian\n"));
  EXPECT_FALSE(parse_os_release("ID=debian\nVERSION_ID=-\n"));
}

}  // namespace
}  // namespace postern::vuln
