// Hostile inventories: bounded work and memory, and the right answer.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

#include "vuln/fleet.h"
#include "vuln/test_inventories.h"
#include "vuln/test_records.h"

namespace postern::vuln {
namespace {

constexpr std::size_t kManyPackages = kMaxInventoryPackages;

TEST(HostileInventory, ManyPackagesOfOneSourceCostItsVersions) {
  std::string lines;
  for (int i = 0; i < 500; ++i)
    lines += fixed_in(fmt::format("CVE-2024-{:04}", i), "a", fmt::format("{}", 1 + i % 300));
  std::string events;
  for (int i = 0; i < 10'000; ++i)
    events += fmt::format(R"({}{{"introduced":"{}.5"}},{{"fixed":"{}.6"}})", i == 0 ? "" : ",", 5000 + i, 5000 + i);
  lines += record("CVE-2025-0001", affected("a", events));
  Inventory inventory = of_debian12({});
  for (std::size_t i = 0; i < kManyPackages; ++i)
    inventory.packages.push_back(
        {fmt::format("p{:06}", i), "amd64", "1", "a", fmt::format("{}", i % kMaxVersionsOfSource)});
  ASSERT_TRUE(inventory_text(inventory));  // an agent can say so
  const auto set = set_of(lines);
  Matcher matcher(set);
  const auto result = matcher.match(inventory, {});
  EXPECT_EQ(result.counts.unknown, 500u);
  EXPECT_EQ(result.findings.size(), kMaxFindings);
  EXPECT_GT(result.findings_omitted, 10'000'000u);
  EXPECT_LE(matcher.remembered(), kMaxVersionsOfSource * 501);
  Fleet fleet(set);
  ASSERT_TRUE(fleet.add(sha256("x"), inventory));
  EXPECT_EQ(fleet.source_versions(), kMaxVersionsOfSource);
  EXPECT_EQ(fleet.result(sha256("x"), {})->counts, result.counts);
}

TEST(HostileInventory, WhatDoesNotFitIntoTheMemoryIsWorkedOutOnceAMatch) {
  // Neighbours in the list are of different sources, and all together have more hits than are remembered.
  constexpr std::size_t kOf = 250, kEach = 40;
  std::string lines;
  for (std::size_t s = 0; s < kOf; ++s) {
    for (std::size_t i = 0; i < kEach; ++i)
      lines += fixed_in(fmt::format("CVE-2024-{}", 10'000 + s * kEach + i), fmt::format("s{}", s), "999");
  }
  Inventory inventory = of_debian12({});
  for (std::size_t i = 0; i < kOf * kMaxVersionsOfSource; ++i)
    inventory.packages.push_back(
        {fmt::format("p{:06}", i), "amd64", "1", fmt::format("s{}", i % kOf), fmt::format("{}", i / kOf)});
  const auto set = set_of(lines);
  Matcher matcher(set);
  EXPECT_EQ(matcher.match(inventory, {}, Want::kCountsOnly).counts.unknown, kOf * kEach);
  EXPECT_LE(matcher.remembered(), 2'000'000 + kEach + 1);
  Fleet fleet(set, {.hits = 100'000});
  ASSERT_TRUE(fleet.add(sha256("x"), inventory));
  EXPECT_EQ(fleet.result(sha256("x"), {})->counts.unknown, kOf * kEach);
  EXPECT_LE(fleet.hits(), 100'000u);
}

}  // namespace
}  // namespace postern::vuln
