// Which names of destinations of TCP forwarding are taken.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gateway/config/store.h"
#include "gateway/config/tables/tables.h"
#include "gateway/config/text.h"

namespace postern::gateway::config {
namespace {

/// Empty: it is taken.
std::string why_not(const std::string& domain) {
  const auto store = ConfigStore::in_memory(gateway_schema());
  auto t = store->begin(Actor::kGateway);
  const auto applied = apply_text(
      t, "config firewall vip\nedit \"v\"\nset extip 0.0.0.0\nset extport 443\nnext\nend\nconfig firewall access-proxy\nedit \"p\"\nset vip \"v\"\n"
         "config api-gateway\nedit 1\nset url-map \"/tcp\"\nset service tcp-forwarding\nconfig realservers\nedit 1\nset addr-type fqdn\nset domain \"" +
             domain + "\"\nset mappedport 22\nnext\nend\nnext\nend\nnext\nend\n");
  if (!applied) return applied.error().message;
  const auto valid = t.validate();
  return valid ? "" : valid.error().message;
}

TEST(DestinationNamesTest, TheGatewayItselfIsNone) {
  for (const auto* name : {"localhost", "LocalHost", "db.localhost", "a.b.LOCALHOST"}) EXPECT_THAT(why_not(name), testing::HasSubstr("it is the gateway itself")) << name;
  for (const auto* name : {"localhost.example", "mylocalhost", "db.example"}) EXPECT_EQ(why_not(name), "") << name;
}

TEST(DestinationNamesTest, AreWholeWhereTheyAreListed) {
  const std::string long_name = std::string(36, 'a') + '.' + std::string(35, 'b');
  EXPECT_EQ(why_not(long_name), "");
  EXPECT_THAT(why_not(long_name + 'b'), testing::HasSubstr("72"));
}

}  // namespace
}  // namespace postern::gateway::config
