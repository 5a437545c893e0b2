// What the diagnostic commands print, over a gateway that stands still.
#include <gmock/gmock.h>

#include "gateway/cli/session_lab.h"

namespace postern::gateway::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr char kUid[] = "9A016B5A6E914B42AD4168C066EB04CA";
constexpr char kFarUid[] = "00000000000000000000000000000002";

/// The second EMS, in slot 2.
ConnectorStatus second_connector() {
  auto c = walk_connector();
  c.id = 2;
  c.name = "Second";
  c.ems_serial = EmsSerial("PSTEMS0000000002");
  return c;
}

/// An endpoint behind a router, told by the second EMS, which shares all.
EndpointTrace far_trace() {
  auto t = walk_trace();
  Record& r = t.endpoint.record;
  r.key = {2, EndpointUid(kFarUid)};
  r.ems_serial = EmsSerial("PSTEMS0000000002");
  r.host_name = "far-01";
  r.certificates[0] = {{}, CertSerial("0A0B0C0D0E0F00112233445566778899AABBCCDD"), {}};
  r.certificates[0].sha256.fill(0xcd);
  r.share_connected = false;
  r.share_all = true;
  const auto ip = *IpAddress::parse("10.0.5.2");
  r.public_ip = ip;
  r.interfaces[0].addresses = {ip};
  t.endpoint.ip = ip;
  t.endpoint.mac = *MacAddress::parse("02:09:0f:00:05:02");
  t.endpoint.gateway_interface.clear();
  t.endpoint.routes = {{ip, t.endpoint.mac, false, "", {}}};
  t.matched = false;
  t.match_reason = MatchReason::kSharedOnly;
  t.match_text =
      "this gateway is not its default gateway, and it has not come through an access proxy: the EMS shares it because it "
      "shares all endpoints with this gateway";
  t.resolved = {ip};
  t.addresses = {{ip, ResolveReason::kResolved, "", {}, {}}};
  using State = EndpointTrace::Tag::State;
  t.tags = {{"EMS2_ZTNA_Telemetry-Connected", State::kHas, "Telemetry-Connected", "security"},
            {"EMS2_CLASS_Important", State::kHasNot, "Important", "classification"},
            {"EMS2_ZTNA_Vulnerable-Device", State::kUnknown, "Vulnerable-Device", "security"}};
  return t;
}

class DiagnoseTest : public SessionLab {
 protected:
  DiagnoseTest() {
    operations.traces = {walk_trace()};
    operations.local_interfaces = {
        {"port1", *MacAddress::parse("02:09:0f:00:01:01"), {{*IpAddress::parse("10.0.1.1"), 24}, {*IpAddress::parse("fd00::1"), 64}}},
        {"tun0", {}, {}}};
  }
  void two() {
    operations.connector_list.push_back(second_connector());
    operations.traces.push_back(far_trace());
  }
};

TEST_F(DiagnoseTest, TheMenuListsEveryTest) {
  EXPECT_EQ(out("diagnose test application fcnacd"), golden("fcnacd-menu.txt"));
  EXPECT_EQ(out("diagnose test application fcnacd 6"), golden("fcnacd-menu.txt"));
  EXPECT_EQ(operations.refreshed + operations.restarted, 0);
}

TEST_F(DiagnoseTest, CachesOfTwoEmss) {
  two();
  operations.traces[0].sessions = 2;
  operations.traces[1].stale = true;
  operations.traces[1].matched = true;
  operations.traces[1].confirmed_at.reset();
  operations.traces[0].endpoint.record.owner = "t.smith";
  operations.traces[0].resolved.push_back(*IpAddress::parse("fd00::2"));
  EXPECT_EQ(out("diagnose test application fcnacd 7"), golden("fcnacd-7.txt"));
  EXPECT_EQ(out("diagnose test application fcnacd 8"), golden("fcnacd-8.txt"));
  operations.traces[1].endpoint.routes.push_back({*IpAddress::parse("10.212.134.200"), {}, true, "ssl.root", GatewaySerial("PGW0000000000001")});
  EXPECT_EQ(out("diagnose test application fcnacd 33"), golden("fcnacd-33.txt"));
  operations.traces[1].matched = false;
  EXPECT_THAT(out("diagnose test application fcnacd 7"), Not(HasSubstr(kFarUid)));
}

TEST_F(DiagnoseTest, EachEmsIsAskedAnewOrConnectedAnew) {
  operations.ems_answers = {{1, "EMS", "", 37, 2, 4, std::chrono::microseconds(2140)},
                            {2, "", "pending; authorise this gateway on the EMS: https://ems.example/x", 0, 0, 0, {}}};
  EXPECT_EQ(out("diagnose test application fcnacd 5"), golden("fcnacd-5.txt"));
  EXPECT_EQ(operations.refreshed, 1);
  EXPECT_EQ(out("diagnose test application fcnacd 99"), golden("fcnacd-99.txt"));
  EXPECT_EQ(operations.restarted, 1);
  operations.ems_answers.clear();
  for (const char* number : {"5", "99"}) {
    EXPECT_EQ(out(std::string("diagnose test application fcnacd ") + number),
              "No EMS is configured (config endpoint-control fctems).\n");
  }
}

TEST_F(DiagnoseTest, TheInterfacesAreToldAsJson) {
  EXPECT_EQ(out("diagnose endpoint fctems json gateway-mac-request"), golden("gateway-mac-request.txt"));
  operations.local_interfaces.clear();
  EXPECT_THAT(out("diagnose endpoint fctems json gateway-mac-request"), HasSubstr("\"interfaces\": []\n}\n"));
}

TEST_F(DiagnoseTest, AnEndpointIsLookedUpInShort) {
  two();
  const auto brief = golden("find-uid.txt");
  const std::string uid = kUid;
  for (const auto& command : {"endpoint lls-comm send ztna find-uid " + uid, "wad dev query-by uid " + uid,
                              std::string("endpoint lls-comm send ztna find-ip-vdom 10.0.1.2 root"),
                              std::string("wad dev query-by ipv4 10.0.1.2")}) {
    EXPECT_EQ(out("diagnose " + command), brief) << command;
  }
  const std::string far = kFarUid, tenant(32, '0');
  EXPECT_THAT(out("diagnose endpoint lls-comm send ztna find-uid " + far + " PSTEMS0000000002 " + tenant),
              HasSubstr("EMS SN: PSTEMS0000000002\n"));
  EXPECT_EQ(out("diagnose endpoint lls-comm send ztna find-uid " + far + " PSTEMS0000000009"),
            "error: there is no such endpoint here; diagnose endpoint why " + far + " says why");
  // Resolved, and no access proxy knows it.
  EXPECT_THAT(out("diagnose endpoint lls-comm send ztna find-ip-vdom 10.0.5.2"), HasSubstr(far));
  EXPECT_THAT(out("diagnose wad dev query-by uid " + far), StartsWith("error: there is no such endpoint here"));
  EXPECT_EQ(out("diagnose wad dev query-by ipv4 10.0.5.2"),
            "error: no matched endpoint has the address 10.0.5.2; diagnose endpoint why 10.0.5.2 says why");
  EXPECT_EQ(out("diagnose endpoint lls-comm send ztna find-uid xyz"), "error: \"xyz\" is not a UID; allowed: 32 hex digits");
  EXPECT_EQ(out("diagnose wad dev query-by uid " + far + " SN"),
            "error: \"SN\" is not an EMS serial number; allowed: PSTEMS and 10 digits");
  EXPECT_EQ(out("diagnose wad dev query-by uid " + far + " PSTEMS0000000002 root"),
            "error: \"root\" is not a tenant id; allowed: 32 hex digits");
  EXPECT_EQ(out("diagnose endpoint lls-comm send ztna find-ip-vdom 10.0.1.2 dmz"),
            "error: there is no virtual domain \"dmz\"; allowed: root");
  EXPECT_EQ(out("diagnose wad dev query-by ipv4 fd00::2"), "error: \"fd00::2\" is not an IPv4 address");
}

TEST_F(DiagnoseTest, FiltersComeInAnyOrder) {
  auto other = far_trace().endpoint;
  operations.endpoints.push_back(other);
  const std::string tenant(32, '0');
  for (const auto& filter : {std::string("PSTEMS0000000002 10.0.5.2"), "10.0.5.2 - PSTEMS0000000002 " + tenant,
                             tenant + " 02:09:0f:00:05:02", std::string("- - PSTEMS0000000002")}) {
    EXPECT_THAT(out("diagnose endpoint ec-shm list " + filter),
                AllOf(StartsWith("Record #0:\nIP Address = 10.0.5.2\n"), Not(HasSubstr("Record #1:")))) << filter;
  }
  EXPECT_THAT(out("diagnose endpoint ec-shm list -"), HasSubstr("Record #1:"));
  EXPECT_EQ(out("diagnose endpoint ec-shm list 10.0.1.2 PSTEMS0000000002"), "");
  EXPECT_EQ(out("diagnose endpoint ec-shm list root"),
            "error: \"root\" is not a filter; allowed: an IP address, a hardware address, an EMS serial number, a UID, a "
            "tenant id, or - for any");
  EXPECT_THAT(out("diagnose endpoint ec-shm list - - - - -"), StartsWith("error: usage: "));
}

TEST_F(DiagnoseTest, ALongControlCharacterSteersNoTerminal) {
  operations.endpoints[0].record.host_name = "a\u009b2Jb\xff \u00e9";
  operations.traces[0].endpoint.record.host_name = operations.endpoints[0].record.host_name;
  for (const char* command : {"endpoint ec-shm list", "endpoint why 10.0.1.2"}) {
    EXPECT_THAT(out(std::string("diagnose ") + command),
                AllOf(HasSubstr("a 2Jb\uFFFD \u00e9"), Not(HasSubstr("\u009b")))) << command;
  }
}

TEST_F(DiagnoseTest, OneDynamicAddressIsListedByItsNameOrTag) {
  operations.addresses.push_back({"EMS2_ZTNA_Vulnerable-Device", "Vulnerable-Device", 9, {}});
  EXPECT_THAT(out("diagnose firewall dynamic list EMS2_ZTNA_Vulnerable-Device"),
              AllOf(HasSubstr("ID(9)\nTotal"), Not(HasSubstr("EMS1_"))));
  EXPECT_THAT(out("diagnose firewall dynamic list Vulnerable-Device"), AllOf(HasSubstr("EMS1_"), HasSubstr("EMS2_")));
  operations.not_shared = {"EMS3_ZTNA_x"};
  EXPECT_EQ(out("diagnose firewall dynamic list EMS3_ZTNA_x"),
            "error: there is no dynamic address \"EMS3_ZTNA_x\": a policy names it, and no EMS has shared such a tag; "
            "diagnose firewall dynamic list prints those that are shared");
}

}  // namespace
}  // namespace postern::gateway::cli
