#include "posture/text_match.h"

#include <gtest/gtest.h>

namespace postern::posture {
namespace {

TEST(TextMatch, CaseIsOfAsciiLettersOnly) {
  EXPECT_TRUE(equals_ignoring_case("Domain Users", "dOMAIN uSERS"));
  EXPECT_FALSE(equals_ignoring_case("Domain Users", "Domain User"));
  EXPECT_FALSE(equals_ignoring_case("[", "{"));  // as far apart as letters are
  EXPECT_FALSE(equals_ignoring_case("Ü", "ü"));
}

}  // namespace
}  // namespace postern::posture
