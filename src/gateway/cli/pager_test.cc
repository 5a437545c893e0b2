#include "gateway/cli/pager.h"

#include <gmock/gmock.h>

#include "gateway/cli/safe_text.h"

namespace postern::gateway::cli {
namespace {

class Page {
 public:
  explicit Page(std::string keys = {}, ScreenSize size = {4, 10}) : size(size), keys(std::move(keys)) {}

  std::string print(std::string_view text) {
    print_paged(text, {[this] { return size; }, [this](std::string_view part) { shown += part; },
                       [this]() -> int { return asked < keys.size() ? keys[asked++] : -1; }});
    // A stop, and how it vanishes.
    const std::string stop = "--More-- \r         \r";
    for (auto at = shown.find(stop); at != shown.npos; at = shown.find(stop)) shown.replace(at, stop.size(), "|");
    return std::exchange(shown, {});
  }

 private:
  ScreenSize size;
  std::string keys;
  std::string shown;
  std::size_t asked = 0;
};

TEST(Pager, StopsAtEachPage) {
  EXPECT_EQ(Page("  ").print("1\n2\n3\n4\n5\n6\n7\n"), "1\n2\n3\n|4\n5\n6\n|7\n");
  EXPECT_EQ(Page("\r\n ").print("1\n2\n3\n4\n5\n6\n7\n8\n"), "1\n2\n3\n|4\n|5\n|6\n7\n8\n");
  EXPECT_EQ(Page("q").print("1\n2\n3\n4\n5\n"), "1\n2\n3\n|");
  EXPECT_EQ(Page("x\x1b Q").print("1\n2\n3\n4\n5\n6\n7\n"), "1\n2\n3\n|4\n5\n6\n|");
  EXPECT_EQ(Page().print("1\n2\n3\n4\n"), "1\n2\n3\n|") << "no more input: the rest is left out";
}

TEST(Pager, WhatFitsIsPrinted) {
  EXPECT_EQ(Page().print("1\n2\n3\n"), "1\n2\n3\n");
  EXPECT_EQ(Page().print("1"), "1");
  EXPECT_EQ(Page().print(""), "");
}

TEST(Pager, WideLinesTakeMoreRows) {
  EXPECT_EQ(Page(" ").print("12345678901\n2\n3\n"), "12345678901\n2\n|3\n");
  EXPECT_EQ(Page(" ").print(std::string(95, 'x') + "\ny\n"), std::string(95, 'x') + "\n|y\n");
  EXPECT_EQ(rows_of("", 10), 1u);
  EXPECT_EQ(rows_of("1234567890", 10), 1u);
  EXPECT_EQ(rows_of("12345678901", 10), 2u);
  EXPECT_EQ(rows_of("\t12", 10), 1u);
  EXPECT_EQ(rows_of("\t123", 10), 2u);
  EXPECT_EQ(rows_of("ääääääääää", 10), 1u);
}

TEST(Pager, TheSmallestScreenStillMovesOn) {
  EXPECT_EQ(Page("  ", {1, 1}).print("a\nb\nc\n"), "a\n|b\n|c\n");
}

TEST(SafeText, GivesATerminalNoOrders) {
  EXPECT_EQ(safe_text("a\tb\nc\r\nd ä €"), "a\tb\nc\nd ä €");
  EXPECT_EQ(safe_text("\x1b[2J\x07\r\x7f"), "\\x1B[2J\\x07\\x0D\\x7F");
  EXPECT_EQ(safe_text("\xc2\x9b" "31m"), "\\xC2\\x9B31m") << "C1 controls are controls";
  EXPECT_EQ(safe_text("a\xff" "b"), "a\\xFFb");
  EXPECT_EQ(safe_text("\xe2\x80\xae" "abc"), "\\xE2\\x80\\xAE" "abc") << "turns the direction of what follows";
}

TEST(Folded, BreaksAtBlanks) {
  EXPECT_EQ(folded("one two three", 8), "one two\nthree");
  EXPECT_EQ(folded("one two three", 13), "one two three");
  EXPECT_EQ(folded("endlessword and", 4), "endlessword\nand");
  EXPECT_EQ(folded("endlessword", 4), "endlessword");
  EXPECT_EQ(folded("", 4), "");
}

}  // namespace
}  // namespace postern::gateway::cli
