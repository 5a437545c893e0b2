#include "base/versions/order.h"

#include <gtest/gtest.h>

#include <array>

#include "base/versions/version_lab.h"

namespace postern::versions {
namespace {

constexpr std::array kAllOrders = {Order::kDpkg, Order::kRpm, Order::kApk, Order::kSemver, Order::kPypi};

TEST(VersionOrder, HasAName) {
  for (const auto order : kAllOrders) EXPECT_EQ(parse_order(order_name(order)), order) << order_name(order);
  EXPECT_EQ(order_name(Order::kApk), "apk");
  EXPECT_EQ(parse_order("deb"), std::nullopt);
  EXPECT_EQ(parse_order(""), std::nullopt);
}

TEST(VersionOrder, EachKnowsItsOwnSigns) {
  // One pair, four answers: the order matters.
  EXPECT_TRUE(compare(Order::kDpkg, "1.0-1", "1.0") > 0);
  EXPECT_TRUE(compare(Order::kSemver, "1.0-1", "1.0") < 0);
  EXPECT_TRUE(compare(Order::kApk, "1.0-1", "1.0") < 0);
  EXPECT_TRUE(compare(Order::kRpm, "1.0-1", "1.0") > 0);
  EXPECT_TRUE(compare(Order::kPypi, "1.0-1", "1.0") > 0);
  EXPECT_TRUE(compare(Order::kRpm, "1.0^a", "1.0.1") < 0);
  EXPECT_TRUE(compare(Order::kDpkg, "1.0a", "1.0.1") < 0);
  EXPECT_TRUE(compare(Order::kApk, "1.0_p1", "1.0") > 0);
}

TEST(VersionOrder, ApkTakesNumbersBehindTheFirstAsDecimalsWhereTheyBeginWithZero) {
  // An empty number comes before none; suffixes of what is not yet released before the release.
  const char* ascending[] = {"1..2",       "1",   "1.0",  "1.01", "1.06", "1.1_alpha",
                             "1.1_alpha1", "1.1", "1.1a", "1.6",  "1.10"};
  for (std::size_t i = 0; i + 1 < std::size(ascending); ++i)
    EXPECT_TRUE(compare(Order::kApk, ascending[i], ascending[i + 1]) < 0) << ascending[i] << " " << ascending[i + 1];
}

TEST(VersionOrder, PypiReadsAllSpellingsOfOneVersion) {
  for (const char* other : {"1.0a1", "v1a01", "1.0.0-alpha.1", "1_ALPHA_1", "0!1a1"})
    EXPECT_TRUE(compare(Order::kPypi, "1a1", other) == 0) << other;
  for (const char* other : {"1rc.", "1rc0", "1.0preview", "1-c"})
    EXPECT_TRUE(compare(Order::kPypi, "1rc", other) == 0) << other;
  EXPECT_TRUE(compare(Order::kPypi, "1aDEV2", "1a") < 0);  // Without a sign between.
  EXPECT_TRUE(compare(Order::kPypi, "1a_+", "0") < 0);     // None at all.
}

TEST(VersionOrder, IsTotalOverWhateverTexts) {
  constexpr std::size_t kTexts = 48;
  for (const auto order : kAllOrders) {
    for (std::uint32_t seed = 1; seed <= 25; ++seed) {
      VersionMaker maker(order, seed);
      std::vector<std::string> texts = {maker.next()};
      while (texts.size() < kTexts) texts.push_back(texts.size() % 8 == 0 ? maker.next() : maker.near(texts.back()));
      std::vector<std::array<int, kTexts>> sign(kTexts);
      for (std::size_t i = 0; i < kTexts; ++i) {
        for (std::size_t j = 0; j < kTexts; ++j) {
          const auto c = compare(order, texts[i], texts[j]);
          sign[i][j] = c < 0 ? -1 : c > 0 ? 1 : 0;
        }
      }
      for (std::size_t i = 0; i < kTexts; ++i) {
        ASSERT_EQ(sign[i][i], 0) << texts[i];
        for (std::size_t j = 0; j < kTexts; ++j) {
          ASSERT_EQ(sign[i][j], -sign[j][i]) << order_name(order) << ": " << texts[i] << " and " << texts[j];
          for (std::size_t k = 0; k < kTexts; ++k) {
            if (sign[i][j] > 0 || sign[j][k] > 0) continue;
            ASSERT_EQ(sign[i][k], std::min(sign[i][j], sign[j][k]))
                << order_name(order) << ": " << texts[i] << ", " << texts[j] << ", " << texts[k];
          }
        }
      }
    }
  }
}

TEST(VersionOrder, LongTextsAreNoTrouble) {
  for (const auto order : kAllOrders) {
    for (const char* piece : {"1", "a", ".", "1.", "a.", "~", "-", "_p1", "_alpha", "0"}) {
      std::string text;
      while (text.size() < 300'000) text += piece;
      EXPECT_TRUE(compare(order, text, text) == 0);
      const auto longer = text + "1";
      EXPECT_EQ(compare(order, text, longer), 0 <=> compare(order, longer, text));
    }
  }
}

TEST(VersionOrder, ValidVersionsAndOthers) {
  for (const char* good : {"1", "0:3.10.0-229.el7", "1.0^git1", "1.2_rc1-r0", "a"})
    EXPECT_TRUE(valid(Order::kRpm, good)) << good;
  for (const char* bad : {"", " ", "1 0", "1\n", "-", "..", "1.\xce\xb1"}) EXPECT_FALSE(valid(Order::kApk, bad)) << bad;
  EXPECT_FALSE(valid(Order::kDpkg, "1.2_rc1"));
  EXPECT_TRUE(valid(Order::kSemver, std::string(kMaxVersionLength, '1')));
  EXPECT_FALSE(valid(Order::kSemver, std::string(kMaxVersionLength + 1, '1')));
}

}  // namespace
}  // namespace postern::versions
