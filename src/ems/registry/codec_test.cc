#include "ems/registry/codec.h"

#include <gtest/gtest.h>

namespace postern::ems::codec {
namespace {

constexpr std::string_view kBefore =
    R"({"online":true,"last_seen_ms":5,"public_ip":"","run":0,"seq":0,"tags":[],"unknown_tags":[])";
constexpr std::string_view kMatched =
    R"(,"vulnerabilities":{"critical":0,"high":1,"medium":0,"low":0,"info":0,"unknown":0,"unknown_fixable":0,)"
    R"("scanned_at_ms":2000,"received_at_ms":1000})";

std::optional<Endpoint> read(const std::string& row) {
  Endpoint e;
  posture::TagSets tags;
  if (!read_endpoint_state_row(row, e, tags)) return std::nullopt;
  return e;
}

TEST(EndpointStateRow, WhenTheInventoryCameIsTakenFromWhereItStoodFirst) {
  // As versions wrote it that kept the time beside the counts.
  auto e = read(std::string(kBefore) + std::string(kMatched) + "}");
  ASSERT_TRUE(e);
  EXPECT_EQ(to_unix_ms(e->inventory_received_at), 1000);
  EXPECT_EQ(to_unix_ms(e->vulnerabilities->scanned_at), 2000);
  // Without counts they knew none.
  e = read(std::string(kBefore) + "}");
  ASSERT_TRUE(e);
  EXPECT_EQ(e->inventory_received_at, WallTime());
}

TEST(EndpointStateRow, WhenTheInventoryCameIsKeptWithAndWithoutAMatch) {
  Endpoint e;
  e.inventory_received_at = from_unix_ms(3000);
  auto again = read(endpoint_state_row(e, {}));
  ASSERT_TRUE(again);
  EXPECT_EQ(to_unix_ms(again->inventory_received_at), 3000);
  EXPECT_FALSE(again->vulnerabilities);
  e.vulnerabilities = VulnerabilityState{.counts = {}, .exploited = 3, .max_cvss = {}, .max_epss = {}, .asked_cves = {}, .scanned_at = from_unix_ms(4000)};
  const auto row = endpoint_state_row(e, {});
  again = read(row);
  ASSERT_TRUE(again);
  EXPECT_EQ(to_unix_ms(again->inventory_received_at), 3000);
  EXPECT_EQ(again->vulnerabilities, e.vulnerabilities);
  // A version from before can still read it.
  EXPECT_NE(row.find(R"("received_at_ms":3000)"), std::string::npos) << row;
  // Its own place goes before the old one.
  e = *read(std::string(kBefore) + std::string(kMatched) + R"(,"inventory_received_ms":7000})");
  EXPECT_EQ(to_unix_ms(e.inventory_received_at), 7000);
  EXPECT_FALSE(read(std::string(kBefore) + R"(,"inventory_received_ms":"soon"})"));
}

}  // namespace
}  // namespace postern::ems::codec
