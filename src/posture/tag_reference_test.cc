#include "posture/tag_reference.h"

#include <gtest/gtest.h>

namespace postern::posture {
namespace {

TEST(TagReferenceTest, OfAKindThatNobodyKnowsIsNoTag) {
  EXPECT_TRUE(tag_reference("Kiosk").means(true, TagKind::kSecurity));
  EXPECT_TRUE(tag_reference("classification/Kiosk").means(true, TagKind::kClassification));
  EXPECT_FALSE(tag_reference("classification/Kiosk").means(true, TagKind::kSecurity));
  for (const TagKind kind : kAllTagKinds) EXPECT_FALSE(tag_reference("xyz/Kiosk").means(true, kind));
}

}  // namespace
}  // namespace postern::posture
