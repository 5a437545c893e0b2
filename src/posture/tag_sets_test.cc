#include "posture/tag_sets.h"

#include <gmock/gmock.h>

namespace postern::posture {
namespace {

using ::testing::ElementsAre;

TEST(TagSets, UnknownWinsAndStatesExcludeOneAnother) {
  TagSets sets({9, 3, 3, 4}, {4, 7});
  EXPECT_THAT(sets.has(), ElementsAre(3, 9));
  EXPECT_THAT(sets.unknown(), ElementsAre(4, 7));
  EXPECT_EQ(sets.state(4), TagState::kUnknown);
  EXPECT_EQ(sets.state(5), TagState::kAbsent);
  EXPECT_TRUE(sets.set(3, TagState::kUnknown));
  EXPECT_FALSE(sets.set(3, TagState::kUnknown));
  EXPECT_TRUE(sets.set(7, TagState::kHas));
  EXPECT_TRUE(sets.set(9, TagState::kAbsent));
  EXPECT_FALSE(sets.set(9, TagState::kAbsent));
  EXPECT_EQ(sets, TagSets({7}, {3, 4}));
}

}  // namespace
}  // namespace postern::posture
