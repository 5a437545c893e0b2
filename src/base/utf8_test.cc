#include "base/utf8.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

namespace postern {
namespace {

TEST(Utf8, CountsWhatPeopleCount) {
  EXPECT_EQ(count_characters(""), 0u);
  EXPECT_EQ(count_characters("aé東🔒"), 4u);
  EXPECT_EQ(count_characters(std::string("a\0b", 3)), 3u);
  EXPECT_EQ(count_characters("\xFF\xC3" "a\xE0\x80\x80"), 6u) << "what is no UTF-8 counts by bytes";
}

TEST(Utf8, WhatLooksLikeNothingIsNotWhatPeopleWrite) {
  for (const char32_t c : {0xADu, 0x61Cu, 0x200Bu, 0x200Fu, 0x2060u, 0xFEFFu, 0xE0041u}) EXPECT_TRUE(is_invisible(c)) << std::uint32_t(c);
  for (const char32_t c : {0x20u, 0x41u, 0xA0u, 0xE9u, 0x5D0u, 0x627u, 0x2013u, 0x2026u, 0xFE0Fu, 0x1F512u}) {
    EXPECT_FALSE(is_invisible(c)) << std::uint32_t(c);
    EXPECT_FALSE(is_control(c)) << std::uint32_t(c);
  }
}

}  // namespace
}  // namespace postern
