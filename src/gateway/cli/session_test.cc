#include "gateway/cli/session.h"

#include <gmock/gmock.h>

#include "gateway/cli/session_lab.h"
#include "gateway/config/secret.h"
#include "gateway/config/text.h"

namespace postern::gateway::cli {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

TEST_F(SessionLab, TheFourCommandsPrintTheReferenceLines) {
  EXPECT_EQ(out("diagnose endpoint ec-shm list"), golden("ec-shm-list.txt"));
  EXPECT_EQ(out("diagnose firewall dynamic list"), golden("dynamic-list.txt"));
  EXPECT_EQ(out("diag test application fcnacd 2"), golden("fcnacd-2.txt"));
  EXPECT_EQ(out("diag endpoint fctems test-connectivity 1"), "(waits)");
  operations.waiting.front()({});
  ASSERT_TRUE(*last);
  EXPECT_EQ((*last)->output, golden("test-connectivity.txt"));
}

TEST_F(SessionLab, WhatIsNotKnownPrintsAsNothing) {
  EndpointView e;
  e.record.key.uid = EndpointUid("00000000000000000000000000000001");
  operations.endpoints = {e};
  const auto lines = out("diagnose endpoint ec-shm list");
  for (const char* line :
       {"IP Address =\n", "MAC Address =\n", "Client cert SN:\n", "On-net status:\n", "Memory Size:\n", "AV Feature:\n",
        "Last vul statistic:\n", "Last vul scanned time:\n", "Number of Routes: (0)\n", "Online status: offline\n",
        "Registration status: not registered\n"}) {
    EXPECT_THAT(lines, HasSubstr(line));
  }
  // The labels are the same ones, in the same order.
  std::vector<std::string> labels, wanted;
  const auto label = [](std::string_view line) { return std::string(line.substr(0, line.find_first_of(":="))); };
  std::string known = golden("ec-shm-list.txt");
  known = known.substr(0, known.find("Number of Routes"));
  std::istringstream a(lines), b(known);
  std::string line;
  while (std::getline(b, line)) wanted.push_back(label(line));
  while (wanted.size() > labels.size() && std::getline(a, line)) labels.push_back(label(line));
  EXPECT_EQ(labels, wanted);
}

TEST_F(SessionLab, HostileTextStaysOnItsLine) {
  operations.endpoints[0].record.host_name = "x\nQuarantined: no\x1b[2J";
  EXPECT_THAT(out("diagnose endpoint ec-shm list"), HasSubstr("Host Name: x?Quarantined: no?[2J\n"));
}

TEST_F(SessionLab, RecordsAreFilteredByTheFormOfAWord) {
  auto other = walk_endpoint();
  other.ip = *IpAddress::parse("10.0.1.3");
  other.record.interfaces[0].addresses = {other.ip};
  other.mac = *MacAddress::parse("02:09:0f:00:01:03");
  other.record.key.uid = EndpointUid("00000000000000000000000000000002");
  operations.endpoints.push_back(other);
  EXPECT_THAT(out("diagnose endpoint ec-shm list"), HasSubstr("Record #1:"));
  for (const char* filter :
       {"10.0.1.3", "02:09:0F:00:01:03", "00000000000000000000000000000002", "10.0.1.3 02:09:0f:00:01:03"}) {
    const auto lines = out("diagnose endpoint ec-shm list " + std::string(filter));
    EXPECT_THAT(lines, HasSubstr("IP Address = 10.0.1.3\n")) << filter;
    EXPECT_THAT(lines, testing::Not(HasSubstr("10.0.1.2\n"))) << filter;
  }
  EXPECT_EQ(out("diagnose endpoint ec-shm list 10.0.1.3 02:09:0f:00:01:02"), "");
  EXPECT_THAT(out("diagnose endpoint ec-shm list nonsense"), HasSubstr("error: \"nonsense\" is not a filter"));
}

TEST_F(SessionLab, AnUnknownTestPrintsTheMenu) {
  EXPECT_THAT(out("diagnose test application fcnacd 1234"), HasSubstr("2. Show the status of each EMS.\n"));
  EXPECT_EQ(out("diagnose test application fcnacd"), out("diagnose test application fcnacd x"));
}

TEST_F(SessionLab, TheFirewallOfWhatIsStagedIsPrintedBeforeItIsCommitted) {
  EXPECT_EQ(out("diagnose firewall ruleset"), "table inet postern {\n}\n");
  const auto in_force = operations.firewall_policies.back();
  for (const char* line : {"config firewall policy", "edit 99", "set srcintf any", "set dstintf any"}) EXPECT_EQ(out(line), "");
  EXPECT_THAT(out("diagnose firewall ruleset"), HasSubstr("can't be committed"));
  for (const char* line : {"set srcaddr all", "set dstaddr all", "set service ALL"}) EXPECT_EQ(out(line), "");
  EXPECT_EQ(out("diag fir rul"), "table inet postern {\n}\n");
  EXPECT_EQ(operations.firewall_policies.back(), in_force + 1);
  EXPECT_EQ(out("diagnose firewall difference"), "The kernel holds what this configuration makes.\n");
  EXPECT_THAT(out("diagnose ztna session list"), HasSubstr("can't be run inside config"));
  out("abort");
  EXPECT_EQ(out("diagnose firewall ruleset"), "table inet postern {\n}\n");
  EXPECT_EQ(operations.firewall_policies.back(), in_force) << "nothing was committed";
}

TEST_F(SessionLab, AStaleConnectorSaysSo) {
  operations.connector_list[0].stale_since = from_unix_ms(1'764'175'401'000);
  operations.connector_list[0].channel_state = "disconnected";
  EXPECT_THAT(out("diagnose test application fcnacd 2"),
              HasSubstr("Websocket status: disconnected, oif: 0\nStale since: Wed Nov 26 16:43:21 2025\n"));
}

TEST_F(SessionLab, EachRecordSaysWhyItIsOrIsNotMatchedAndResolved) {
  using Tag = EndpointTrace::Tag;
  EndpointTrace in, out_of_it;
  in.endpoint = walk_endpoint();
  in.matched = true;
  in.match_text = "its default gateway is port1";
  in.resolved = {in.endpoint.ip};
  in.resolve_text = "resolved";
  in.tags = {
      {"EMS1_ZTNA_a", Tag::State::kHas}, {"EMS1_ZTNA_b", Tag::State::kUnknown}, {"EMS1_ZTNA_c", Tag::State::kHasNot}};
  out_of_it.endpoint.record.key = {1, EndpointUid("00000000000000000000000000000002")};
  out_of_it.match_text = "this gateway is not its default gateway";
  out_of_it.resolve_text = "its telemetry comes from another address than it claims";
  out_of_it.tags = {{"EMS1_ZTNA_a", Tag::State::kHas}};
  operations.traces = {in, out_of_it};
  const auto both = out("diagnose endpoint record list");
  EXPECT_THAT(both, HasSubstr("Record #0:\nFortiClient UID: 9A016B5A6E914B42AD4168C066EB04CA\nHost Name: WIN10-01\n"
                              "EMS: 1 (FCTEMS8825007278)\nIP Address: 10.0.1.2\n"
                              "Matched endpoint: yes: its default gateway is port1\nResolved address: 10.0.1.2\n"
                              "Tag EMS1_ZTNA_a: the endpoint has it; matched: yes; resolved: 10.0.1.2\n"
                              "Tag EMS1_ZTNA_b: it is unknown whether the endpoint has it"));
  EXPECT_THAT(both, HasSubstr("Tag EMS1_ZTNA_c: the endpoint does not have it\nRecord #1:\n"));
  EXPECT_THAT(both, HasSubstr("Matched endpoint: no: this gateway is not its default gateway\n"
                              "Resolved address: no: its telemetry comes from another address than it claims\n"
                              "Tag EMS1_ZTNA_a: the endpoint has it; matched: no; resolved: no\n"));
  const auto one = out("diagnose endpoint record list 00000000000000000000000000000002");
  EXPECT_THAT(one, testing::AllOf(StartsWith("Record #0:\nFortiClient UID: 00000000000000000000000000000002\n"),
                                  testing::Not(HasSubstr("WIN10"))));
  EXPECT_THAT(out("diagnose endpoint record list nonsense"), HasSubstr("error: \"nonsense\" is not a filter"));
  operations.connector_list[0].channel_state = "pending";
  EXPECT_THAT(out("diagnose endpoint record list 10.0.1.77"),
              testing::AllOf(HasSubstr("No EMS has told this gateway of such an endpoint."),
                             HasSubstr("EMS 1 is not connected (pending)")));
}

TEST_F(SessionLab, WhatWasDroppedOrLostIsToldOnceThereIsSomething) {
  const auto quiet = out("get system status");
  EXPECT_THAT(quiet, testing::Not(testing::AnyOf(HasSubstr("dropped"), HasSubstr("lost"))));
  operations.dropped = 7;
  operations.lost = 3;
  const auto told = out("get system status");
  EXPECT_THAT(told, HasSubstr("Events dropped: 7 ("));
  EXPECT_THAT(told, HasSubstr("Traffic log lines lost: 3 ("));
}

TEST_F(SessionLab, ACommandThatOutlivesItsSessionDoesNothing) {
  out("execute fctems verify 1");
  session.reset();
  operations.presenting.at(0)(PresentedCertificate{});
  EXPECT_FALSE(*last);
}

TEST_F(SessionLab, ChangesAreStagedUntilTheOutermostEnd) {
  EXPECT_EQ(session->prompt(), "gw1 # ");
  EXPECT_EQ(out("config system global"), "");
  EXPECT_EQ(session->prompt(), "gw1 (global) # ");
  EXPECT_EQ(out("set hostname other"), "");
  EXPECT_TRUE(session->has_staged_changes());
  EXPECT_THAT(out("show"), HasSubstr("set hostname \"other\""));
  EXPECT_EQ(session->prompt(), "gw1 (global) # ");
  EXPECT_EQ(out("end"), "");
  EXPECT_EQ(session->prompt(), "other # ");
  EXPECT_EQ(out("conf sys glob"), "");
  EXPECT_EQ(out("set hostname third"), "");
  EXPECT_EQ(out("abort"), "");
  EXPECT_EQ(session->prompt(), "other # ");
}

TEST_F(SessionLab, ACommitThatFailsKeepsTheStagedChanges) {
  out("config firewall access-proxy");
  out("edit second");
  EXPECT_EQ(session->prompt(), "gw1 (second) # ");
  EXPECT_THAT(out("end"), HasSubstr("vip: is missing"));
  EXPECT_EQ(out("set vip nowhere"), "");
  EXPECT_THAT(out("end"), HasSubstr("there is no \"nowhere\" in firewall vip"));
  EXPECT_EQ(out("set vip front"), "");
  EXPECT_EQ(out("end"), "");
  EXPECT_THAT(out("show firewall access-proxy second"), HasSubstr("set vip \"front\""));
}

TEST_F(SessionLab, AnAccessProxyThatRefusesEverybodyIsANotice) {
  const std::string head = "config firewall vip\nedit v\nset extport 9447\nnext\nend\nconfig firewall access-proxy\nedit shut\nset vip v\n";
  const auto commit = [&](const std::string& text) {
    std::string said;
    for (const auto line : split(text, '\n')) said += out(std::string(line));
    return said;
  };
  EXPECT_EQ(commit(head + "next\nend"), "");
  EXPECT_THAT(commit("config firewall access-proxy\nedit shut\nset client-cert disable\nnext\nend"),
              testing::AllOf(StartsWith("Notice: firewall access-proxy shut: nobody is asked"), testing::HasSubstr("it refuses everybody")));
  EXPECT_EQ(commit("config firewall access-proxy\nedit shut\nset empty-cert-action accept\nnext\nend"), "");
}

TEST_F(SessionLab, AMappingThatNothingReachesIsANotice) {
  const auto commit = [&](const std::string& mappings) {
    const auto text = "config firewall access-proxy\nedit twice\nset vip v\nconfig api-gateway\n" + mappings + "end\nnext\nend";
    std::string said;
    for (const auto line : split(text, '\n')) said += out(std::string(line));
    return said;
  };
  for (const char* line : {"config firewall vip", "edit v", "set extport 9448", "next", "end"}) out(line);
  EXPECT_EQ(commit("edit 1\nnext\nedit 2\nset url-map /a\nnext\nedit 3\nset url-map /a\nset url-map-type wildcard\nnext\n"), "");
  EXPECT_EQ(commit("edit 4\nset url-map /a\nnext\n"),
            "Notice: firewall access-proxy twice: nothing reaches api-gateway 4: api-gateway 2 has the same virtual-host, url-map "
            "and url-map-type\n");
  EXPECT_EQ(commit("delete 4\n"), "");
}

TEST_F(SessionLab, ATagThatNobodySharesYetIsANoticeAndNoError) {
  out("config firewall proxy-policy");
  out("edit 77");
  out("set access-proxy web");
  out("set ztna-ems-tag EMS1_ZTNA_Vulnerable-Device EMS1_ZTNA_Mistyped");
  EXPECT_THAT(out("end"),
              testing::AllOf(StartsWith("Notice: firewall proxy-policy 77: no connected EMS has shared a tag "
                                        "EMS1_ZTNA_Mistyped; "),
                             testing::Not(HasSubstr("Vulnerable-Device"))));
  EXPECT_THAT(out("show firewall proxy-policy 77"), HasSubstr("EMS1_ZTNA_Mistyped")) << "it is in force all the same";
  // Once is enough: a change of something else doesn't repeat it.
  out("config firewall proxy-policy");
  out("edit 78");
  out("set access-proxy web");
  EXPECT_EQ(out("end"), "");
}

TEST_F(SessionLab, AnInterfaceThatThisMachineHasNotIsANotice) {
  operations.interfaces = {"port1", "port2"};
  const auto policy = [&](const char* id, const char* interface) {
    for (const std::string& line : {std::string("config firewall policy"), std::string("edit ") + id, std::string("set srcintf ") + interface,
                                   std::string("set dstintf any"), std::string("set srcaddr all"), std::string("set dstaddr all"),
                                   std::string("set service ALL"), std::string("set action deny")})
      out(line);
    return out("end");
  };
  EXPECT_EQ(policy("70", "port1"), "");
  EXPECT_THAT(policy("71", "prot1"), StartsWith("Notice: firewall policy 71: srcintf: this machine has no interface prot1; "));
}

TEST_F(SessionLab, AddressesThatAreNobodysOwnAreRefused) {
  for (const char* ip : {"0.0.0.0", "224.0.0.1", "255.255.255.255", "ff02::1"}) {
    for (const char* line : {"config firewall access-proxy", "edit other", "set vip web", "config api-gateway", "edit 1",
                                   "config realservers", "edit 1"})
      out(line);
    out(std::string("set ip ") + ip);
    EXPECT_THAT(out("next"), HasSubstr("allowed: the address of one server")) << ip;
    out("abort");
  }
  out("config firewall vip");
  out("edit many");
  out("set extip 224.0.0.1");
  EXPECT_THAT(out("next"), HasSubstr("extip: 224.0.0.1 is not allowed; allowed: an address of this machine"));
}

TEST_F(SessionLab, APortThatIsTakenIsToldWhereItWasSet) {
  operations.in_the_way = {"access proxy web: another program listens at 0.0.0.0 port 444"};
  out("config firewall vip");
  out("edit front");
  out("set extport 444");
  EXPECT_EQ(out("end"), "Notice: access proxy web: another program listens at 0.0.0.0 port 444\n");
  out("config system global");
  out("set hostname other");
  EXPECT_EQ(out("end"), "") << "has nothing to do with it";
}

TEST_F(SessionLab, StatusHasALinePerPart) {
  using State = PartHealth::State;
  operations.parts = {{"Access proxies", State::kFailed, "nginx can't listen at 0.0.0.0:443: stop the other program"},
                      {"Firewall", State::kOff, "started with --no-firewall"},
                      {"EMS 1", State::kOk, ""}};
  EXPECT_THAT(out("get system status"),
              HasSubstr("Live sessions: 0\n"
                        "Access proxies: FAILED: nginx can't listen at 0.0.0.0:443: stop the other program\n"
                        "Firewall: OFF: started with --no-firewall\n"
                        "EMS 1: OK\n"));
}

TEST_F(SessionLab, StatusGivesTheTerminalNoOrders) {
  operations.parts = {{"Access proxies", PartHealth::State::kFailed, "nginx says \x1b[2J\nEMS 1: OK\x7f"}};
  EXPECT_THAT(out("get system status"), HasSubstr("Access proxies: FAILED: nginx says  [2J EMS 1: OK \n"));
}

TEST_F(SessionLab, ShowPrintsWhatCanBeTyped) {
  EXPECT_EQ(out("show"), golden("gateway-config.txt"));
  EXPECT_EQ(out("show firewall vip front"), out("show firewall vip"));
  EXPECT_THAT(out("show firewall vip nowhere"), HasSubstr("does not exist"));
  EXPECT_THAT(out("show firewall address all"), HasSubstr("built in"));
  EXPECT_THAT(out("show full-configuration endpoint-control fctems 1"), HasSubstr("set call-timeout 30\n"));
  out("config firewall access-proxy");
  out("edit web");
  out("config api-gateway");
  out("edit 1");
  EXPECT_THAT(out("show"), StartsWith("config api-gateway\n    edit 1\n        set virtual-host \"app\"\n"));
}

TEST_F(SessionLab, GetAddsWhatTheGatewayKnows) {
  operations.live = {{"ip", {"10.0.1.1 255.255.255.0"}}, {"status", {"up"}}};
  const auto all = out("get system interface");
  EXPECT_THAT(all, HasSubstr("== [ port1 ]\n"));
  EXPECT_THAT(all, HasSubstr("== [ port2 ]\n"));
  EXPECT_THAT(out("get system interface port2"), HasSubstr("status                  : up\n"));
  EXPECT_THAT(out("get system interface port9"), HasSubstr("does not exist"));
  EXPECT_THAT(out("get system status"), HasSubstr("Serial-Number: PGW0000000000001\n"));
  EXPECT_THAT(out("get system admin root"), testing::Not(HasSubstr("ENC")));
  EXPECT_THAT(out("get firewall address all"), HasSubstr("all\n"));
  EXPECT_THAT(out("get firewall address"), HasSubstr("== [ all ]\n"));
  EXPECT_THAT(out("get firewall service custom"), HasSubstr("== [ HTTPS ]\n"));
}

TEST_F(SessionLab, PasswordsAreHashedElsewhere) {
  const auto password_of = [&](const char* name) {
    return store->current()->find({{"system admin", name}})->values.at("password").front();
  };
  out("config system admin");
  out("edit eve");
  EXPECT_EQ(out("set password \"correct horse\""), "");
  EXPECT_EQ(operations.offloaded, 1);
  EXPECT_EQ(out("set comments plain"), "");
  EXPECT_EQ(operations.offloaded, 1);
  EXPECT_EQ(out("end"), "");
  const auto hash = password_of("eve");
  EXPECT_TRUE(config::verify_secret(hash, "correct horse"));
  // A machine without the memory for it keeps the password that was.
  operations.run_offloaded = false;
  out("config system admin");
  out("edit eve");
  EXPECT_THAT(out("set password \"another other\""), HasSubstr("memory"));
  EXPECT_EQ(out("end"), "");
  EXPECT_EQ(password_of("eve"), hash);
}

TEST_F(SessionLab, EveryWordThatHelpShowsIsExplained) {
  for (const char* line :
       {"", "config ", "show ", "get ", "execute ", "execute fctems ", "execute api-user ", "diagnose ",
        "diagnose endpoint ", "diagnose endpoint ec-shm ", "diagnose endpoint fctems ", "diagnose firewall ",
        "diagnose firewall dynamic ", "diagnose test ", "config firewall ", "config system ", "config certificate ",
        "config endpoint-control ", "config firewall service "}) {
    const auto candidates = session->help(line);
    EXPECT_FALSE(candidates.empty()) << line;
    for (const auto& c : candidates) EXPECT_NE(c.help, "") << '"' << line << c.word << '"';
  }
}

TEST_F(SessionLab, WordsMayBeShortenedUnlessAmbiguous) {
  EXPECT_EQ(out("d e e l"), golden("ec-shm-list.txt"));
  EXPECT_THAT(out("e"), HasSubstr("may be execute, exit"));
  EXPECT_THAT(out("frobnicate"), StartsWith("error: unknown command \"frobnicate\"; allowed: config, "));
  EXPECT_THAT(out("diagnose endpoint nothing"), HasSubstr("allowed: fctems, ec-shm"));
  EXPECT_TRUE(feed("exit")->bye);
}

TEST_F(SessionLab, AQuestionMarkListsWhatMayFollow) {
  EXPECT_THAT(out("?"), testing::AllOf(HasSubstr("config"), HasSubstr("diagnose")));
  EXPECT_THAT(out("diagnose endpoint ?"), testing::AllOf(HasSubstr("fctems"), HasSubstr("ec-shm")));
  EXPECT_THAT(out("diagnose endpoint fctems test-connectivity ?"), HasSubstr("<id>"));
  out("config endpoint-control fctems");
  out("edit 1");
  EXPECT_THAT(out("set out?"), HasSubstr("out-of-sync-threshold  Seconds that"));
  EXPECT_THAT(out("set status ?"), testing::AllOf(HasSubstr("enable"), HasSubstr("disable")));
  EXPECT_THAT(out("set https-port ?"), HasSubstr("a whole number from 1 to 65535"));
  EXPECT_THAT(out("set capabilities ?"), HasSubstr("<value>"));
  const auto words = [&](const char* line) {
    std::vector<std::string> w;
    for (const auto& c : session->help(line)) w.push_back(c.word);
    return w;
  };
  EXPECT_THAT(words("set trust"), testing::ElementsAre("trust-ca-cn"));
  EXPECT_THAT(words("set capa"), testing::IsEmpty());
  out("abort");
  out("config firewall access-proxy");
  EXPECT_THAT(words("edit "), testing::ElementsAre("web", "<name>"));
  out("edit web");
  EXPECT_THAT(words("set vip "), testing::ElementsAre("front", "<value>"));
}

TEST_F(SessionLab, AQuotedValueMayGoOverLines) {
  out("config certificate local");
  out("edit other");
  EXPECT_TRUE(feed("set certificate \"-----BEGIN CERTIFICATE-----")->more);
  EXPECT_EQ(session->prompt(), "> ");
  EXPECT_TRUE(feed("AAAA")->more);
  EXPECT_EQ(out("-----END CERTIFICATE-----\""), "");
  EXPECT_EQ(out("set private-key /k.pem"), "");
  EXPECT_EQ(out("end"), "");
  EXPECT_THAT(out("show certificate local other"), HasSubstr("\"-----BEGIN CERTIFICATE-----\nAAAA\n-----END"));
}

TEST_F(SessionLab, OneCommandAtATime) {
  EXPECT_EQ(out("execute fctems verify 1"), "(waits)");
  std::string error;
  session->feed("show", [&](Reply r) { error = r.error; });
  EXPECT_THAT(error, HasSubstr("still runs"));
  EXPECT_FALSE(feed(std::string(CliSession::kMaxLine + 1, 'x'))->ok());
}

TEST_F(SessionLab, AnApiKeyIsShownOnce) {
  const auto text = out("execute api-user generate-key swarm");
  EXPECT_THAT(text, StartsWith("New API key: "));
  const auto key = text.substr(13, text.size() - 14);
  EXPECT_GE(key.size(), 32u);
  EXPECT_THAT(out("show"), testing::Not(HasSubstr(key)));
  EXPECT_THAT(out("show system api-user swarm"), HasSubstr("ENC sha256"));
}

}  // namespace
}  // namespace postern::gateway::cli
