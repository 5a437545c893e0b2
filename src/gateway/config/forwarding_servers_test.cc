// What a real server may say with service tcp-forwarding, and what it may only say with it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gateway/config/store.h"
#include "gateway/config/tables/tables.h"
#include "gateway/config/text.h"

namespace postern::gateway::config {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// Empty: it is taken.
std::string why_no_server(const std::string& service, const std::string& server) {
  const auto store = ConfigStore::in_memory(gateway_schema());
  auto t = store->begin(Actor::kGateway);
  const auto applied = apply_text(
      t, "config firewall address\nedit \"servers\"\nset subnet 10.0.0.0/24\nnext\nend\nconfig firewall vip\nedit \"v\"\nset extip 0.0.0.0\n"
         "set extport 443\nnext\nend\nconfig firewall access-proxy\nedit \"p\"\nset vip \"v\"\nconfig api-gateway\nedit 1\nset url-map \"/tcp\"\n"
         "set service " + service + "\nconfig realservers\nedit 3\n" + server + "next\nend\nnext\nend\nnext\nend\n");
  if (!applied) return applied.error().message;
  const auto valid = t.validate();
  return valid ? "" : valid.error().message;
}

const std::string kPlain = "set ip 10.0.0.5\n";

TEST(ForwardingServersTest, WhatIsOnlyForForwardingIsRefusedElsewhere) {
  for (const auto* service : {"http", "https"}) {
    for (const auto& [name, line] : std::vector<std::pair<std::string, std::string>>{
             {"address", "set address \"servers\"\n"}, {"mappedport", "set mappedport 22\n"}, {"mappedport", "set mappedport 5432-5440\n"}}) {
      EXPECT_THAT(why_no_server(service, kPlain + line),
                  AllOf(HasSubstr("realservers 3: " + name), HasSubstr("with service tcp-forwarding only"), HasSubstr("ip and port")))
          << service << " " << line;
    }
    EXPECT_THAT(why_no_server(service, "set addr-type fqdn\nset domain \"db.example\"\n"), HasSubstr("domain")) << service;
    EXPECT_EQ(why_no_server(service, kPlain), "") << service;
  }
}

TEST(ForwardingServersTest, WhatChoosesOrAsksAfterAServerIsRefusedWithIt) {
  for (const auto* line : {"set status standby\n", "set weight 2\n", "set http-host \"db.example\"\n", "set health-check enable\n",
                           "set health-check enable\nset health-check-proto tcp-connect\n"}) {
    EXPECT_THAT(why_no_server("tcp-forwarding", kPlain + "set mappedport 22\n" + line),
                AllOf(HasSubstr("realservers 3: "), HasSubstr("are not allowed with service tcp-forwarding"), HasSubstr("active or disable")))
        << line;
    EXPECT_EQ(why_no_server("http", kPlain + line), "") << line;
  }
}

TEST(ForwardingServersTest, WhatItTakes) {
  for (const auto* line : {"set mappedport 22\n", "set mappedport 22 5432-5440\n", "set port 22\n", "set status disable\n", "set status active\nset weight 1\n",
                           "set health-check disable\nset holddown-interval disable\n", "set address \"servers\"\nset mappedport 22\n"}) {
    EXPECT_EQ(why_no_server("tcp-forwarding", kPlain + line), "") << line;
  }
  EXPECT_EQ(why_no_server("tcp-forwarding", "set address \"servers\"\nset mappedport 22\n"), "");
  EXPECT_EQ(why_no_server("tcp-forwarding", "set addr-type fqdn\nset domain \"db.example\"\nset mappedport 5432\n"), "");
}

}  // namespace
}  // namespace postern::gateway::config
