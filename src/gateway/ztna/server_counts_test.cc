#include "gateway/ztna/server_counts.h"

#include <gtest/gtest.h>

namespace postern::gateway {
namespace {

using Counts = ServerCounts::Counts;

TEST(ServerCounts, AreThoseOfAllWorkersTogether) {
  ServerCounts counts;
  counts.use({7, 8});
  EXPECT_EQ(counts.of(7), Counts());
  counts.take(1, {7, 2, 10, 1});
  counts.take(2, {7, 1, 5, 0});
  counts.take(2, {8, 0, 3, 3});
  EXPECT_EQ(counts.of(7), (Counts{15, 1, 3}));
  EXPECT_EQ(counts.of(8), (Counts{3, 3, 0}));
  // Told again: not counted twice.
  counts.take(1, {7, 0, 12, 1});
  EXPECT_EQ(counts.of(7), (Counts{17, 1, 1}));
}

TEST(ServerCounts, WhatAWorkerCountedOutlivesIt) {
  ServerCounts counts;
  counts.use({7});
  counts.take(1, {7, 2, 10, 1});
  counts.gone(1);
  counts.gone(1);
  EXPECT_EQ(counts.of(7), (Counts{10, 1, 0}));
  counts.take(2, {7, 1, 1, 0});
  EXPECT_EQ(counts.of(7), (Counts{11, 1, 1}));
}

TEST(ServerCounts, OfServersThatAreNotConfiguredNothingIsKept) {
  ServerCounts counts;
  counts.use({7});
  counts.take(1, {9, 2, 10, 1});
  EXPECT_EQ(counts.of(9), Counts());
  counts.take(1, {7, 2, 10, 1});
  counts.use({9});
  counts.use({7, 9});
  EXPECT_EQ(counts.of(7), Counts()) << "another one by then";
  EXPECT_EQ(counts.of(9), Counts());
}

}  // namespace
}  // namespace postern::gateway
