#include "gateway/core/tag_table.h"

#include <gtest/gtest.h>

#include <fmt/format.h>

namespace postern::gateway {
namespace {

std::vector<TagInfo> numbered_tags(std::uint32_t count) {
  std::vector<TagInfo> out(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    out[i].id = i + 1;
    out[i].kind = "security";
    out[i].name = TagName(fmt::format("t{:04}", i));
  }
  return out;
}
std::string numbered(std::uint32_t i) { return fmt::format("EMS1_ZTNA_t{:04}", i); }

/// Every bit once, each under the tag that it is said to be of.
void expect_consistent(const TagTable& table, const std::vector<TagInfo>& tags) {
  TagBits seen;
  for (const auto& [name, entry] : table.entries()) {
    EXPECT_FALSE(seen[entry.bit]) << name;
    seen[entry.bit] = true;
    EXPECT_EQ(table.defined_by(1)[entry.bit], entry.info.has_value()) << name;
  }
  for (const auto& tag : tags) {
    const auto* entry = table.find(address_name(1, tag));
    const auto bit = table.bit_of(1, tag.id);
    EXPECT_EQ(bit.has_value(), entry != nullptr) << tag.name.str();
    if (bit && entry) {
      EXPECT_EQ(*bit, entry->bit);
    }
  }
}

TEST(TagTableTest, PoliciesGetBitsBeforeTagsThatNoneNames) {
  TagTable table;
  const auto tags = numbered_tags(kMaxTags + 88);
  EXPECT_EQ(table.set_defined(1, tags).size(), 88u);
  expect_consistent(table, tags);
  const auto last = numbered(kMaxTags + 87);
  ASSERT_EQ(table.find(last), nullptr);
  // Named by a policy after all bits were given: one of those that none names gives up its own.
  EXPECT_TRUE(table.set_used({last, "EMS2_ZTNA_unheard"}).empty());
  ASSERT_NE(table.find(last), nullptr);
  EXPECT_TRUE(table.find(last)->info) << "what the EMS said of it before it had a bit";
  EXPECT_EQ(table.find(last)->info->id, kMaxTags + 88);
  EXPECT_FALSE(table.find("EMS2_ZTNA_unheard")->info);
  EXPECT_EQ(table.entries().size(), kMaxTags);
  expect_consistent(table, tags);
  // The other way round: named first, defined later.
  TagTable other;
  EXPECT_TRUE(other.set_used({last}).empty());
  EXPECT_EQ(other.set_defined(1, tags).size(), 88u);
  EXPECT_TRUE(other.find(last)->info);
  expect_consistent(other, tags);
}

TEST(TagTableTest, NoBitChangesItsMeaningUnderThePoliciesThatArePublished) {
  TagTable table;
  const auto tags = numbered_tags(kMaxTags + 1);
  table.set_defined(1, tags);
  std::set<std::string> all;
  for (std::uint32_t i = 0; i < kMaxTags; ++i) all.insert(numbered(i));
  EXPECT_TRUE(table.set_used(all).empty());
  const auto extra = numbered(kMaxTags);
  // Every bit may be asked for by what is published: the one more has to wait, though nobody names the others now.
  EXPECT_EQ(table.set_used({extra}), std::vector<std::string>{extra});
  EXPECT_TRUE(table.set_used({extra}).empty());
  EXPECT_TRUE(table.find(extra)->info);
  expect_consistent(table, tags);
  all.insert(extra);
  EXPECT_EQ(table.set_used(all).size(), 1u) << "more than there are";
}

TEST(TagTableTest, WhatFoundNoBitGetsOneThatIsLeft) {
  TagTable table;
  const auto tags = numbered_tags(kMaxTags);
  table.set_used({"EMS2_ZTNA_unheard"});
  EXPECT_EQ(table.set_defined(1, tags).size(), 1u);
  table.set_used({});
  EXPECT_EQ(table.entries().size(), kMaxTags - 1) << "not in the same step: it was asked for until now";
  table.set_used({});
  EXPECT_EQ(table.entries().size(), kMaxTags);
  expect_consistent(table, tags);
  table.set_defined(1, numbered_tags(3));
  EXPECT_EQ(table.entries().size(), 3u);
  expect_consistent(table, tags);
}

TEST(TagTableTest, WhatThePoliciesInForceAskForIsNobodyElses) {
  TagTable table;
  table.set_used({"user alice"});
  const auto alice = table.find("user alice")->bit;
  TagBits asked;
  asked[alice] = true;
  table.set_asked(asked);
  // Two changes that can't be published: the policies of before still ask for alice.
  table.set_used({});
  table.set_used({"user bob"});
  EXPECT_NE(table.find("user bob")->bit, alice);
  table.set_defined(1, numbered_tags(static_cast<std::uint32_t>(kMaxTags)));
  for (const auto& [name, entry] : table.entries()) EXPECT_NE(entry.bit, alice) << name;
  table.set_asked({});
  table.set_used({"user bob", "user carol"});
  EXPECT_EQ(table.find("user carol")->bit, alice);
}

TEST(TagTableTest, ANumberThatStandsForAnotherTagIsNoticedAlsoOfOneWithoutABit) {
  TagTable table;
  auto tags = numbered_tags(kMaxTags + 1);
  ASSERT_EQ(table.set_defined(1, tags).size(), 1u);
  EXPECT_FALSE(table.means_otherwise(1, tags));
  auto fewer = tags;
  fewer.erase(fewer.begin());
  EXPECT_FALSE(table.means_otherwise(1, fewer));
  auto more = tags;
  more.push_back({9000, TagName("new"), "security", "", "", false});
  EXPECT_FALSE(table.means_otherwise(1, more));
  for (const std::size_t changed : {std::size_t{0}, kMaxTags}) {
    auto other = tags;
    other[changed].name = TagName("other");
    EXPECT_TRUE(table.means_otherwise(1, other)) << changed;
    EXPECT_FALSE(table.means_otherwise(2, other)) << changed;
    other = tags;
    other[changed].kind = "classification";
    EXPECT_TRUE(table.means_otherwise(1, other)) << changed;
  }
}

}  // namespace
}  // namespace postern::gateway
