// `diagnose endpoint why`: each row of the table of matched endpoints and resolved addresses, and what is not known.
#include <gmock/gmock.h>

#include <sstream>

#include "gateway/cli/session_lab.h"

namespace postern::gateway::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr char kWalkUid[] = "9A016B5A6E914B42AD4168C066EB04CA";

class WhyTest : public SessionLab {
 protected:
  WhyTest() { operations.traces = {walk_trace()}; }
  EndpointTrace& trace() { return operations.traces[0]; }
  std::string why(const std::string& word) { return out("diagnose endpoint why " + word); }
  /// Without the line breaks of the wrapping.
  std::string flat(const std::string& word) {
    std::istringstream in(why(word));
    std::string text;
    for (std::string part; in >> part;) text += (text.empty() ? "" : " ") + part;
    return text;
  }
  void second() {
    auto c = walk_connector();
    c.id = 2;
    c.name = "Second";
    operations.connector_list.push_back(c);
  }
};

TEST_F(WhyTest, AnAdjacentEndpointIsInBothLists) {
  operations.not_shared = {"EMS1_ZTNA_Patched", "EMS2_ZTNA_Other"};
  trace().tags.push_back({"EMS1_ZTNA_Disk", EndpointTrace::Tag::State::kHasNot, "Disk", "security"});
  trace().tags.push_back({"EMS1_ZTNA_Firewall", EndpointTrace::Tag::State::kUnknown, "Firewall", "security"});
  EXPECT_EQ(why("10.0.1.2"), golden("why-adjacent.txt"));
}

TEST_F(WhyTest, EachWordForItMeansIt) {
  const auto all = why("10.0.1.2");
  for (const char* word : {kWalkUid, "9a016b5a6e914b42ad4168c066eb04ca", "02:09:0F:00:01:02", "win10-01",
                           "1D3D0710258CF569961291DF259F6333B9540EF9", "1d:3d:07:10:25:8c:f5:69:96:12:91:df:25:9f:63:33:b9:54:0e:f9",
                           "abababababababababababababababababababababababababababababababab"}) {
    EXPECT_EQ(why(word), all) << word;
  }
  EXPECT_TRUE(operations.asked_about.empty());
}

TEST_F(WhyTest, BehindARouterThatIsSharedWithAllIsResolvedOnly) {
  auto& t = trace();
  t.endpoint.record.share_connected = false;
  t.endpoint.record.share_all = true;
  t.endpoint.gateway_interface.clear();
  t.endpoint.record.routes = {{"eth0", *IpAddress::parse("10.0.5.1"), *MacAddress::parse("02:09:0f:00:05:01"), t.endpoint.ip, false, 0}};
  t.matched = false;
  t.match_reason = MatchReason::kSharedOnly;
  t.match_text =
      "this gateway is not its default gateway, and it has not come through an access proxy: the EMS shares it because it "
      "shares all endpoints with this gateway";
  t.addresses[0].interface.clear();
  t.addresses[0].answers = {};
  EXPECT_EQ(why("10.0.1.2"), golden("why-share-all.txt"));
}

TEST_F(WhyTest, ThroughAnAccessProxyOnlyIsMatchedOnly) {
  auto& t = trace();
  t.endpoint.record.share_connected = false;
  t.endpoint.record.asked = true;
  t.endpoint.gateway_interface.clear();
  t.endpoint.record.routes = {{"eth0", *IpAddress::parse("10.0.5.1"), {}, t.endpoint.ip, false, 0}};
  t.match_reason = MatchReason::kCertificate;
  t.match_text = "it has come through an access proxy with its certificate";
  t.resolved.clear();
  t.resolve_reason = ResolveReason::kZtnaOnly;
  t.addresses[0] = {t.endpoint.ip, ResolveReason::kZtnaOnly, "", {}, {}};
  t.sessions = 1;
  EXPECT_EQ(why(kWalkUid), golden("why-proxy-only.txt"));
}

TEST_F(WhyTest, AnAddressThatNobodyToldOf) {
  EXPECT_EQ(why("10.0.5.2"), golden("why-behind-router.txt"));
  const auto ip = *IpAddress::parse("10.0.1.9");
  operations.known_addresses[ip] = {"", false, "port1", Neighbour{Neighbour::State::kPresent, *MacAddress::parse("02:00:00:00:00:09"), false}};
  EXPECT_THAT(flat("10.0.1.9"), AllOf(HasSubstr("It is on the network of port1."), HasSubstr("02:00:00:00:00:09 answers for it there")));
  operations.known_addresses[ip].neighbour = Neighbour{Neighbour::State::kAbsent, {}, false};
  EXPECT_THAT(flat("10.0.1.9"), HasSubstr("Nobody answers for it there."));
  operations.known_addresses[ip] = {"port1", false, "port1", {}};
  EXPECT_THAT(flat("10.0.1.9"), HasSubstr("10.0.1.9 is this gateway's own, on port1: no endpoint can have it."));
  operations.known_addresses[ip] = {"", true, "port2", {}};
  EXPECT_THAT(flat("10.0.1.9"), HasSubstr("It is that of an EMS, a next hop or a real server"));
}

TEST_F(WhyTest, AnAddressOfManyIsNoEndpoints) {
  for (const char* address : {"224.0.0.1", "239.255.255.250", "255.255.255.255", "ff02::1"}) {
    EXPECT_THAT(flat(address), AllOf(HasSubstr("an address of many at once"), Not(HasSubstr("who has it is behind a router")))) << address;
  }
  EXPECT_THAT(flat("223.255.255.1"), Not(HasSubstr("of many at once")));
  EXPECT_THAT(flat("240.0.0.1"), Not(HasSubstr("of many at once")));
}

TEST_F(WhyTest, WithoutAnEmsNothingIsKnown) {
  operations.connector_list[0].channel_state = "pending";
  operations.connector_list[0].authorise_url = "https://ems.example:8443/fabric-authorization";
  EXPECT_THAT(flat("host-7"), AllOf(HasSubstr("No EMS has told this gateway of an endpoint called \"host-7\""),
                                   HasSubstr("waits to be authorised on the EMS"), HasSubstr("https://ems.example:8443/fabric-authorization"),
                                   HasSubstr("has not authorised this gateway")));
  operations.connector_list[0].channel_state = "disconnected";
  operations.connector_list[0].certificate_accepted = false;
  EXPECT_THAT(flat("host-7"), HasSubstr("execute fctems verify 1"));
  operations.connector_list.clear();
  EXPECT_THAT(flat("host-7"), AllOf(HasSubstr("No EMS is configured"), HasSubstr("Connect an EMS")));
}

TEST_F(WhyTest, AnUnknownCertificateIsAskedFor) {
  second();
  const std::string leaf(64, 'e');
  operations.certificate_replies = {{1, "EMS", CertificateReply::State::kFound, EndpointUid(kWalkUid), ""},
                                    {2, "Second", CertificateReply::State::kNoAnswer, {}, "pending; authorise it"}};
  operations.traces.clear();
  EXPECT_EQ(why(leaf), golden("why-certificate.txt"));
  ASSERT_EQ(operations.asked_about.size(), 1u);
  EXPECT_EQ(operations.asked_about[0][0], 0xee);
  // An older certificate of an endpoint that is known by a newer one.
  operations.traces = {walk_trace()};
  EXPECT_THAT(flat(leaf), HasSubstr(" WIN10-01 (9A016B5A6E914B42AD4168C066EB04CA) of EMS 1 (EMS) is a matched endpoint"));
  operations.certificate_replies = {{1, "EMS", CertificateReply::State::kRevoked, EndpointUid(std::string(32, 'A')), ""},
                                    {2, "Second", CertificateReply::State::kUnknown, {}, ""}};
  EXPECT_THAT(flat(leaf), AllOf(HasSubstr("access proxies refuse it (063)"), HasSubstr("EMS 2 (Second): it does not know this certificate")));
  // A serial number can't be asked for.
  operations.asked_about.clear();
  EXPECT_THAT(flat("77:77:77:77:77:77:77:77:77:77"), AllOf(HasSubstr("of the serial number 77777777777777777777"),
                                                          HasSubstr("can't be asked by the serial number")));
  EXPECT_TRUE(operations.asked_about.empty());
}

TEST_F(WhyTest, TheSameUidAtTwoEmssIsTwoRecords) {
  second();
  auto other = walk_trace();
  other.endpoint.record.key.connector = 2;
  other.matched = false;
  other.resolved.clear();
  other.resolve_reason = ResolveReason::kContested;
  other.addresses[0].reason = ResolveReason::kContested;
  other.addresses[0].others = {trace().endpoint.record.key};
  other.tags = {{"EMS2_ZTNA_Telemetry-Connected", EndpointTrace::Tag::State::kHas, "Telemetry-Connected", "security"}};
  operations.traces.push_back(other);
  const auto both = flat(kWalkUid);
  EXPECT_THAT(both, StartsWith("2 EMSs tell of it: each record stands for itself"));
  EXPECT_THAT(both, AllOf(HasSubstr("of EMS 1 (EMS) is a matched endpoint"), HasSubstr("of EMS 2 (Second) is not a matched"),
                          HasSubstr("EMS2_ZTNA_Telemetry-Connected: has it; matched: no; resolved: no")));
  // Two endpoints report one address.
  operations.traces[1].endpoint.record.key.uid = EndpointUid(std::string(32, '2'));
  EXPECT_THAT(flat("10.0.1.2"), StartsWith("2 endpoints fit. 10.0.1.2 is resolved to 9A016B5A6E914B42AD4168C066EB04CA of EMS 1. WIN10"));
  EXPECT_THAT(flat(std::string(32, '2')), AllOf(HasSubstr("another endpoint claims it"), HasSubstr("9A016B5A6E914B42AD4168C066EB04CA of EMS 1")));
  // A host name has to mean one.
  EXPECT_EQ(why("WIN10-01"), "error: 2 endpoints are called \"WIN10-01\"; give the UID of one: "
                             "9A016B5A6E914B42AD4168C066EB04CA of EMS 1, 22222222222222222222222222222222 of EMS 2");
}

TEST_F(WhyTest, ATranslatedAddressIsToldAsSuch) {
  EXPECT_THAT(flat("148.230.50.82"), HasSubstr("It does not have the address 148.230.50.82 itself"));
}

TEST_F(WhyTest, WhatBarsItIsSaidFirst) {
  auto& t = trace();
  t.endpoint.record.quarantined = true;
  t.resolved.clear();
  t.resolve_reason = t.addresses[0].reason = ResolveReason::kNotOnline;
  EXPECT_THAT(flat("10.0.1.2"), AllOf(HasSubstr("It is quarantined: no policy that demands or forbids a tag lets it in, whatever the lists say, and no access proxy that asks for certificates. Only where one without"), HasSubstr("out of quarantine"),
                                     HasSubstr("Status: online, registered, quarantined Live"), HasSubstr("not resolved: it is quarantined ")));
  t.endpoint.record.quarantined = false;
  t.endpoint.record.online = false;
  EXPECT_THAT(flat("10.0.1.2"), AllOf(HasSubstr("It is offline"), HasSubstr("postern-agent status")));
  // Known for whom it is, and only its tags count no more.
  t.endpoint.record.online = t.stale = true;
  EXPECT_THAT(flat("10.0.1.2"), AllOf(HasSubstr("no policy that demands or forbids a tag lets it in"), Not(HasSubstr("no access proxy that")),
                                     HasSubstr("Those that ask for no tag do.")));
  t.stale = t.endpoint.record.online = false;
  t.endpoint.record.blocked = true;
  t.endpoint.record.certificates.clear();
  EXPECT_THAT(flat("10.0.1.2"), AllOf(HasSubstr("revoked"), HasSubstr("Enrol it anew"), HasSubstr("Certificate: none Matched")));
  t.endpoint.record.blocked = false;
  t.endpoint.record.online = true;
  t.stale = true;
  EXPECT_THAT(flat("10.0.1.2"), HasSubstr("test-connectivity 1"));
}

TEST_F(WhyTest, AnExpiredCertificateIsToldFirst) {
  EXPECT_THAT(flat("10.0.1.2"), Not(HasSubstr("expired")));
  trace().expired = true;
  EXPECT_THAT(flat("10.0.1.2"), AllOf(HasSubstr("Its certificate has expired: no access proxy that asks for certificates lets it in. UID:"),
                                     HasSubstr("- An expired certificate is not renewed. Enrol it anew: postern-agent deregister --force, then")));
}

TEST_F(WhyTest, EachReasonOfAnAddressHasItsOwnText) {
  auto& t = trace();
  t.resolved.clear();
  const auto said = [&](ResolveReason reason, MacAddress answers = {}) {
    t.resolve_reason = t.addresses[0].reason = reason;
    t.addresses[0].answers = answers;
    return flat("10.0.1.2");
  };
  EXPECT_THAT(said(ResolveReason::kNeighbourDiffers, *MacAddress::parse("02:00:00:00:00:66")),
              AllOf(HasSubstr("02:00:00:00:00:66, answers"), HasSubstr("Find the device")));
  EXPECT_THAT(said(ResolveReason::kNeighbourAbsent), HasSubstr("nobody on port1 answers for it"));
  EXPECT_THAT(said(ResolveReason::kNeighbourUnknown), HasSubstr("Ask again in a second"));
  EXPECT_THAT(said(ResolveReason::kNotTelemetrySource), AllOf(HasSubstr("its telemetry comes from 148.230.50.82"), HasSubstr("address translator")));
  EXPECT_THAT(said(ResolveReason::kReserved), HasSubstr("that of an EMS, a next hop"));
  EXPECT_THAT(said(ResolveReason::kNoAddress), HasSubstr("the endpoint's default gateway is not"));
  t.matched = false;
  t.match_reason = MatchReason::kOtherGateway;
  EXPECT_THAT(said(ResolveReason::kContested), AllOf(HasSubstr("another endpoint claims it"), HasSubstr("got another hardware address")));
}

TEST_F(WhyTest, HostileTextAndLongWords) {
  trace().endpoint.record.host_name = "x\x1b[2J y";
  EXPECT_THAT(flat("10.0.1.2"), AllOf(HasSubstr("x?[2J"), Not(HasSubstr("\x1b"))));
  EXPECT_THAT(flat(std::string(256, 'a')), StartsWith("error: this is no endpoint; allowed: a UID"));
  EXPECT_THAT(flat("\"no\x1bsuch\""), AllOf(HasSubstr("called"), Not(HasSubstr("\x1b"))));
  // No line is wider than a terminal, apart from what can't be broken.
  for (const char* word : {"10.0.1.2", "10.9.9.9", "host"}) {
    std::istringstream text(why(word));
    for (std::string line; std::getline(text, line);) {
      EXPECT_LE(line.size(), 80u) << line;
    }
  }
}

}  // namespace
}  // namespace postern::gateway::cli
