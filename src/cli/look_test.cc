#include "cli/look.h"

#include <gtest/gtest.h>

#include "cli/table.h"

namespace postern::cli {
namespace {

TEST(Look, ColumnsCountWhatIsSeen) {
  EXPECT_EQ(columns_of("abc"), 3u);
  EXPECT_EQ(columns_of("äöü"), 3u);
  EXPECT_EQ(columns_of("漢字"), 4u);
  EXPECT_EQ(columns_of("e\u0301"), 1u);
  Look look{.colour = true};
  EXPECT_EQ(columns_of(look.paint(Style::kBad, "abc")), 3u);
}

TEST(Look, ShortenedSaysThatThereIsMore) {
  Look look{.utf8 = true};
  EXPECT_EQ(shortened(look, "abcdef", 6), "abcdef");
  EXPECT_EQ(shortened(look, "abcdef", 5), "abcd…");
  EXPECT_EQ(shortened(look, "漢字漢字", 5), "漢字…");
  look.utf8 = false;
  EXPECT_EQ(shortened(look, "abcdef", 5), "ab...");
}

TEST(Look, NoColourMeansNoEscapes) {
  EXPECT_EQ(Look{}.paint(Style::kBad, "x"), "x");
  EXPECT_EQ(Look{}.mark(Truth::kNo), "-");
  EXPECT_EQ((Look{.utf8 = true}.mark(Truth::kYes)), "✓");
}

Table sample() {
  Table table({{.title = "NAME", .least = 6},
               {.title = "UID", .least = 4, .by_beginning = true},
               {.title = "N", .right = true},
               {.title = "MORE", .dispensable = 1}});
  table.add({"laptop7", "0123456789", "5", "much"});
  table.add({"a", "ABCDEF0123", "1234", ""});
  return table;
}

TEST(Table, IsAsWideAsItIsWhereThereIsNoTerminal) {
  EXPECT_EQ(sample().text({}),
            "NAME     UID            N  MORE\n"
            "laptop7  0123456789     5  much\n"
            "a        ABCDEF0123  1234\n");
}

TEST(Table, FirstTheUidShrinksThenWhatIsDispensableGoesThenTheRestShrinks) {
  EXPECT_EQ(sample().text({.width = 28}),
            "NAME     UID         N  MORE\n"
            "laptop7  0123456     5  much\n"
            "a        ABCDEF0  1234\n");
  EXPECT_EQ(sample().text({.width = 22}),
            "NAME     UID         N\n"
            "laptop7  0123456     5\n"
            "a        ABCDEF0  1234\n");
  EXPECT_EQ(sample().text({.width = 18, .utf8 = true}),
            "NAME    UID      N\n"
            "lapto…  0123     5\n"
            "a       ABCD  1234\n");
}

TEST(Table, ControlCharactersBecomeBlanks) {
  Table table({{.title = "A"}});
  table.add({"x\x1b[2Jy\nz"});
  EXPECT_EQ(table.text({}), "A\nx [2Jy z\n");
}

}  // namespace
}  // namespace postern::cli
