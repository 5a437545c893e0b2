#include <gmock/gmock.h>

#include "posture/rules/rule_lab.h"

namespace postern::posture {
namespace listening_port_rule {
namespace {

using namespace testing;
using ::testing::HasSubstr;
using enum Verdict;
using List = std::vector<std::string>;

FactMap sockets(List list) { return {{std::string(keys::kListening), known(std::move(list))}}; }

TEST(ListeningPort, BordersProtocolsAndLoopback) {
  const auto rule = make("listening-port", {{"ports", List{"tcp/22", "udp/53", "tcp/8000-8100"}}});
  const std::pair<const char*, bool> rows[] = {{"tcp 0.0.0.0:22", true},
                                               {"tcp [::]:22", true},
                                               {"tcp 10.0.1.2:22", true},
                                               {"tcp [fe80::1%eth0]:22", true},
                                               {"udp 0.0.0.0:22", false},
                                               {"tcp 0.0.0.0:21", false},
                                               {"tcp 0.0.0.0:23", false},
                                               {"tcp 0.0.0.0:2", false},
                                               {"udp 0.0.0.0:53", true},
                                               {"tcp 0.0.0.0:53", false},
                                               {"tcp 0.0.0.0:7999", false},
                                               {"tcp 0.0.0.0:8000", true},
                                               {"tcp 0.0.0.0:8100", true},
                                               {"tcp 0.0.0.0:8101", false}};
  for (const auto& [socket, listens] : rows) {
    SCOPED_TRACE(socket);
    expect(*rule, sockets({"tcp 127.0.0.1:631", socket}), listens ? kMatch : kNoMatch,
           listens ? "port_listening" : "port_not_listening");
  }
  expect(*rule, sockets({}), kNoMatch, "port_not_listening");
  const auto any = make("listening-port", {{"ports", List{"tcp/22"}}, {"scope", "any"}});
  const auto reachable = make("listening-port", {{"ports", List{"tcp/22"}}, {"scope", "non-loopback"}});
  for (const char* local : {"tcp 127.0.0.1:22", "tcp 127.1.2.3:22", "tcp [::1]:22", "tcp [::ffff:127.0.0.1]:22"}) {
    expect(*any, sockets({local}), kMatch, "port_listening");
    expect(*reachable, sockets({local}), kNoMatch, "port_not_listening");
  }
  expect(*any, sockets({"tcp 127.0.0.1:23"}), kNoMatch, "port_not_listening");
  for (const auto* each : {rule.get(), any.get(), reachable.get()})
    expect_unknowns(*each, {}, keys::kListening, text("tcp 0.0.0.0:22"));
  EXPECT_EQ(rule->describe(), "something listens at tcp/22, udp/53 or tcp/8000-8100, loopback aside");
  EXPECT_EQ(any->describe(), "something listens at tcp/22");
}

TEST(ListeningPort, AllOfThem) {
  const auto rule = make("listening-port", {{"ports", List{"tcp/80", "tcp/443"}}, {"match", "all"}});
  expect(*rule, sockets({"tcp [::]:443"}), kNoMatch, "port_not_listening");
  expect(*rule, sockets({"tcp [::]:443", "tcp 0.0.0.0:80"}), kMatch, "port_listening");
}

TEST(ListeningPort, AnotherPortThanThese) {
  const auto rule = make("listening-port", {{"ports", List{"tcp/22", "udp/5353"}}, {"others", true}});
  expect(*rule, sockets({}), kNoMatch, "port_not_listening");
  expect(*rule, sockets({"tcp 0.0.0.0:22", "udp [::]:5353"}), kNoMatch, "port_not_listening");
  expect(*rule, sockets({"tcp 0.0.0.0:22", "tcp 0.0.0.0:23"}), kMatch, "port_listening");
  expect(*rule, sockets({"udp 0.0.0.0:22"}), kMatch, "port_listening");
  expect(*rule, sockets({"tcp 127.0.0.1:5432"}), kNoMatch, "port_not_listening");
  expect(*rule, sockets({"tcp 0.0.0.0:22", "x"}), kUnknown, "socket_malformed");
  EXPECT_EQ(rule->describe(), "something listens at another port than tcp/22 or udp/5353, loopback aside");
}

TEST(ListeningPort, WhatCantBeReadIsUnknownUnlessAnotherDecides) {
  const auto rule = make("listening-port", {{"ports", List{"tcp/22"}}});
  for (const char* bad : {"", "tcp", "tcp 22", "tcp :22", "tcp 0.0.0.0:", "tcp 0.0.0.0:0", "tcp 0.0.0.0:65536", "sctp 0.0.0.0:22",
                          "tcp 0.0.0.0:22x"}) {
    expect(*rule, sockets({bad}), kUnknown, "socket_malformed");
    expect(*rule, sockets({bad, "tcp 0.0.0.0:22"}), kMatch, "port_listening");
  }
}

TEST(ListeningPort, Refusals) {
  for (const char* bad : {"22", "tcp/", "tcp/0", "tcp/65536", "tcp/9-8", "tcp/1-", "sctp/1", "tcp/1,2", "TCP/1"}) {
    EXPECT_THAT(refusal("listening-port", {{"ports", List{bad}}}),
                HasSubstr("is no port; write it as tcp/22, udp/53 or tcp/8000-8100"))
        << bad;
  }
  EXPECT_THAT(refusal("listening-port", {}), HasSubstr("ports: is missing"));
  EXPECT_THAT(refusal("listening-port", {{"ports", List{"tcp/1"}}, {"scope", "all"}}), HasSubstr("non-loopback, any"));
  EXPECT_THAT(refusal("listening-port", {{"ports", List{"tcp/1"}}, {"others", "yes"}}), HasSubstr("others: must be true or false"));
  EXPECT_THAT(refusal("listening-port", {{"ports", List{"tcp/1"}}, {"others", true}, {"match", "all"}}),
              HasSubstr("match: belongs to"));
}

}  // namespace
}  // namespace listening_port_rule
}  // namespace postern::posture
