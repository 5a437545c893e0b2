// Access proxies and their policies: what an import takes never lets more through than the original.
#include "gateway/config/import/fortios_lab.h"

namespace postern::gateway::config::fortios {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kServer = "config realservers\nedit 1\nset ip 10.0.3.10\nset port 80\nnext\nend\n";

class ProxyImport : public FortiosLab {
 protected:
  static std::string vip(const std::string& more = "", const std::string& key = "v", const std::string& port = "443") {
    return "config firewall vip\nedit \"" + key + "\"\nset type access-proxy\nset extip 10.0.2.1\nset extintf \"any\"\nset extport " +
           port + "\n" + more + "next\nend\n";
  }
  static std::string proxy(const std::string& more, const std::string& key = "p", const std::string& its_vip = "v") {
    return "config firewall access-proxy\nedit \"" + key + "\"\nset vip \"" + its_vip + "\"\n" + more + "next\nend\n";
  }
  static std::string api(const std::string& id, const std::string& more) {
    return "edit " + id + "\nset service http\n" + more + kServer + "next\n";
  }
  static std::string policy(const std::string& more, const std::string& id = "1", const std::string& action = "accept") {
    return "config firewall proxy-policy\nedit " + id + "\nset proxy access-proxy\nset srcintf \"any\"\nset srcaddr \"all\"\n"
           "set dstaddr \"all\"\nset schedule \"always\"\nset action " + action + "\n" + more + "next\nend\n";
  }
  bool lets_in(const std::string& id = "1") const { return on(id, "firewall proxy-policy"); }
};

TEST_F(ProxyImport, InterfacesOfClientsAreTaken) {
  const std::string gui = vip("set extintf \"wan1\"\n") + proxy("config api-gateway\n" + api("1", "") + "end\n") +
                          policy("set access-proxy \"p\"\nset srcintf \"wan1\"\n");
  const auto taken = take(gui, {"wan1"});
  EXPECT_TRUE(lets_in());
  EXPECT_THAT(taken, testing::AllOf(HasSubstr("set extintf \"wan1\""), HasSubstr("set srcintf \"wan1\"")));
  take(vip("set extintf \"wan1\"\n"), {"port1"});
  EXPECT_THAT(import->notices, testing::Contains(HasSubstr("this machine has no interface wan1")));
  // A refusal that is not in force on all of its interfaces here.
  const std::string refusal = vip() + proxy("config api-gateway\n" + api("1", "") + "end\n") +
                              policy("set access-proxy \"p\"\nset srcintf \"wan1\" \"wan2\"\n", "1", "deny") +
                              policy("set access-proxy \"p\"\nset srcintf \"wan1\"\n", "2");
  take(refusal, {"wan1", "wan2"});
  EXPECT_TRUE(lets_in("2"));
  take(refusal, {"wan1"});
  EXPECT_FALSE(lets_in("2"));
  // A zone is no interface.
  take("config system zone\nedit \"wan1\"\nset interface \"port1\"\nnext\nend\n" + gui);
  EXPECT_FALSE(lets_in());
}

TEST_F(ProxyImport, RequestsOfAnApiGatewayThatIsLeftOutReachNoOther) {
  const auto with = [](const std::string& second) {
    return vip() + proxy("config api-gateway\n" + api("1", "set url-map \"/\"\n") + second + "end\n") + policy("set access-proxy \"p\"\n");
  };
  // Which requests it gets is known: it stands there without servers.
  for (const std::string service : {"set service samlsp\n", "set service web-portal\n"}) {
    const auto config = take(with("edit 2\nset url-map \"/admin\"\n" + service + kServer + "next\n"));
    EXPECT_THAT(config, HasSubstr("edit 2\n                set url-map \"/admin\"\n            next\n")) << service;
    EXPECT_TRUE(lets_in());
    EXPECT_THAT(why("edit 2"), HasSubstr("api-gateway 2 without its servers, so that its requests are refused: service"));
    EXPECT_EQ(verdict("set url-map \"/admin\""), Verdict::kTaken);
  }
  // It isn't: nobody is let in.
  for (const std::string& second : {api("2", "set url-map \"^/adm(?=in)\"\nset url-map-type regex\n"),
                                   api("2", "set url-map \"/admin\"\nset virtual-host \"gone\"\n"), api("70000", ""),
                                   std::string("edit 2\nset url-map \"/admin\"\nnonsense\nnext\n"),
                                   std::string("end\nconfig api-gateway6\nedit 1\nset url-map \"/admin\"\nnext\n")}) {
    take(with(second));
    EXPECT_FALSE(lets_in()) << second;
  }
  // Without another one there is nobody whom they could reach.
  take(vip() + proxy("config api-gateway\n" + api("1", "set url-map \"(\"\nset url-map-type regex\n") + "end\n") + policy("set access-proxy \"p\"\n"));
  EXPECT_TRUE(lets_in());
  // What stands there twice is both together.
  take(with(api("1", "set url-map \"/x\"\n")));
  EXPECT_THAT(off("firewall access-proxy p"), HasSubstr("api-gateway 1 stands in it twice"));
}

TEST_F(ProxyImport, TcpIsForwardedToTheSameServersAndPorts) {
  const auto with = [](const std::string& server) {
    return "config firewall address\nedit \"hosts\"\nset subnet 10.0.3.0 255.255.255.0\nnext\nedit \"named\"\nset type fqdn\n"
           "set fqdn \"x.example\"\nnext\nend\n" + vip() +
           proxy("config api-gateway\nedit 1\nset url-map \"/tcp\"\nset service tcp-forwarding\nconfig realservers\nedit 1\n" + server +
                 "next\nend\nnext\nend\n") + policy("set access-proxy \"p\"\n");
  };
  EXPECT_THAT(take(with("set address \"hosts\"\nset mappedport 22\n")), HasSubstr("set address \"hosts\"\n                        set mappedport 22\n"));
  EXPECT_THAT(take(with("set ip 10.0.3.5\nset port 3389\n")), HasSubstr("set ip 10.0.3.5\n                        set port 3389\n"));
  EXPECT_THAT(take(with("set addr-type fqdn\nset domain \"db.example\"\nset mappedport 22\n")), HasSubstr("set domain \"db.example\"\n"));
  // Of what is not known here, or is this gateway, nothing is reached.
  for (const auto* server : {"set addr-type fqdn\nset domain \"localhost\"\nset mappedport 22\n",
                             "set address \"named\"\nset mappedport 22\n", "set address \"all\"\nset mappedport 22\n",
                             "set address \"hosts\"\nset mappedport 22\nset type ssh\n"}) {
    EXPECT_THAT(take(with(server)), Not(HasSubstr("config realservers"))) << server;
  }
}

TEST_F(ProxyImport, ServersBehindTlsStayBehindTls) {
  const auto with = [](const std::string& of_gateway, const std::string& of_server = "") {
    return vip() + proxy("config api-gateway\nedit 1\n" + of_gateway + "config realservers\nedit 1\nset ip 10.0.3.10\n" +
                         of_server + "next\nend\nnext\nend\n") + policy("set access-proxy \"p\"\n");
  };
  // It is what isn't said there.
  for (const std::string service : {"set service https\n", ""}) {
    EXPECT_THAT(take(with(service)), HasSubstr("set service https\n")) << service;
    EXPECT_TRUE(lets_in());
  }
  const auto config = take(with("set ssl-min-version tls-1.1\nset ssl-max-version tls-1.2\nset url-map \"^/adm.*\"\n"
                                "set url-map-type regex\n", "set verify-cert disable\n"));
  for (const auto* line : {"set ssl-min-version tls-1.1\n", "set ssl-max-version tls-1.2\n", "set verify-cert disable\n",
                           "set url-map \"^/adm.*\"\n", "set url-map-type regex\n"}) {
    EXPECT_THAT(config, HasSubstr(line));
  }
  EXPECT_TRUE(lets_in());
  EXPECT_THAT(take(with("set service http\n")), Not(HasSubstr("set service")));
}

TEST_F(ProxyImport, WhoRefusesWithoutACertificateIsAsked) {
  const std::string host = "config firewall access-proxy-virtual-host\nedit \"h\"\nset host \"a.example\"\n";
  const auto with = [&](const std::string& of_vip, const std::string& of_host, const std::string& of_proxy) {
    return vip(of_vip) + host + of_host + "next\nend\n" +
           proxy(of_proxy + "config api-gateway\n" + api("1", "set virtual-host \"h\"\n") + "end\n") + policy("set access-proxy \"p\"\n");
  };
  const std::string accept = "set empty-cert-action accept\n", block = "set empty-cert-action block\n", ask = "set client-cert enable\n";
  take(with("", "", accept));
  EXPECT_TRUE(lets_in());
  take(with(ask + accept, ask + accept, accept));
  EXPECT_TRUE(lets_in());
  take(with(ask + block, ask + block, block));
  EXPECT_TRUE(lets_in());
  for (const auto& stricter : {block, ask, ask + block, std::string("set empty-cert-action accept-unmanageable\n")}) {
    take(with(stricter, "", accept));
    EXPECT_FALSE(lets_in()) << stricter;
    EXPECT_THAT(off("firewall proxy-policy 1"), HasSubstr("firewall vip v refuses there who shows no certificate"));
    take(with("", stricter, accept));
    EXPECT_FALSE(lets_in()) << stricter;
  }
}

TEST_F(ProxyImport, FamiliesOfClientsStayApart) {
  const std::string six = "config firewall vip6\nedit \"v6\"\nset type access-proxy\nset extip 2001:db8::1\nset extport 443\nnext\nend\n"
                          "config firewall access-proxy6\nedit \"p6\"\nset vip \"v6\"\nnext\nend\n";
  const std::string both = "set access-proxy \"p\"\nset access-proxy6 \"p6\"\n";
  EXPECT_THAT(take(vip() + proxy("") + six + policy(both)), HasSubstr("set srcaddr \"all-ipv4\""));
  EXPECT_THAT(take(vip() + proxy("") + six + policy("set access-proxy6 \"p6\"\n")), HasSubstr("set srcaddr \"all-ipv4\""));
  EXPECT_THAT(take(vip() + proxy("") + six + policy(both + "set srcaddr ''\nset srcaddr6 \"all\"\n")), HasSubstr("set srcaddr \"all-ipv6\""));
  EXPECT_THAT(take(vip() + proxy("") + six + policy(both + "set srcaddr6 \"all\"\n")), Not(HasSubstr("all-ipv")));
  EXPECT_THAT(take(vip() + proxy("") + policy("set access-proxy \"p\"\n")), Not(HasSubstr("all-ipv")));
  EXPECT_TRUE(lets_in());
  // A refusal that is not in force, of two proxies of which one is another's, too.
  const auto behind = [&](const std::string& refused, const std::string& accepted) {
    take(vip() + proxy("") + vip("", "w", "444") + proxy("", "q", "w") + six +
         policy(refused + "set groups \"staff\"\n", "1", "deny") + policy(accepted, "2"));
    return lets_in("2");
  };
  EXPECT_FALSE(behind(both, "set access-proxy \"q\"\nset access-proxy6 \"p6\"\n"));
  EXPECT_FALSE(behind(both, "set access-proxy6 \"p6\"\n"));
  EXPECT_FALSE(behind(both, "set access-proxy \"p\"\n"));
  EXPECT_FALSE(behind("set access-proxy \"p\"\nappend access-proxy \"q\"\n", "set access-proxy \"p\"\n"));
  EXPECT_TRUE(behind(both, "set access-proxy \"q\"\n"));
  EXPECT_TRUE(behind("set access-proxy \"p\"\n", "set access-proxy6 \"p6\"\n"));
}

TEST_F(ProxyImport, ProxiesThatCannotListenAreLeftOut) {
  const std::string port = "config system global\nset admin-sport 443\nend\n";
  take(port + vip() + proxy("") + vip("", "w", "444") + proxy("", "q", "w") + policy("set access-proxy \"p\"\n"));
  EXPECT_THAT(off("firewall access-proxy p"), HasSubstr("extport 443 is where this gateway's REST API listens"));
  EXPECT_EQ(off("firewall access-proxy q"), "");
  EXPECT_FALSE(lets_in());
  // Two at one port or at one virtual address, of the text or here already.
  take(vip() + proxy("") + vip("", "w") + proxy("", "q", "w"));
  EXPECT_THAT(off("firewall access-proxy q"), HasSubstr("extport 443 is used by firewall vip v"));
  take(vip() + proxy("") + proxy("", "q"));
  EXPECT_THAT(off("firewall access-proxy q"), HasSubstr("firewall vip v is used by more than one access proxy"));
  EXPECT_EQ(import->left_out.size(), 1u);
  here(vip() + proxy(""));
  take(vip("", "w") + proxy("", "q", "w"));
  EXPECT_THAT(off("firewall access-proxy q"), HasSubstr("is used by"));
}

TEST_F(ProxyImport, OtherEndsOfRequestsAreNotOverlooked) {
  const std::string text = vip() + proxy("config api-gateway\n" + api("1", "") + "end\n");
  for (const std::string more : {"set dstaddr6 \"srv6\"\n", "set dstaddr \"none\"\n", "set groups \"none\"\n", "set users \"0\"\n",
                                 "set av-profile \"none\"\n", "set service \"none\"\n"}) {
    take(text + policy("set access-proxy \"p\"\n" + more));
    EXPECT_FALSE(lets_in()) << more;
  }
  for (const std::string more : {"set dstaddr6 \"all\"\n", "set dstaddr6 ''\n", "set groups ''\n"}) {
    take(text + policy("set access-proxy \"p\"\n" + more));
    EXPECT_TRUE(lets_in()) << more << off("firewall proxy-policy 1");
  }
}

TEST_F(ProxyImport, ServersByHostGetNoRequestsForOthersThere) {
  const auto with = [](const std::string& of_gateway, const std::string& of_server) {
    return vip() + proxy("config api-gateway\nedit 1\nset service http\n" + of_gateway + "config realservers\nedit 1\n"
                         "set ip 10.0.3.10\nset port 80\n" + of_server + "next\nend\nnext\nend\n") +
           policy("set access-proxy \"p\"\n");
  };
  // Without its host a server would get none: it gets none here, either.
  EXPECT_THAT(take(with("set ldb-method http-host\n", "")), Not(HasSubstr("10.0.3.10")));
  const auto config = take(with("set ldb-method http-host\n", "set http-host \"pub.example\"\nset status standby\n"
                                "set health-check enable\nset health-check-proto http\nset holddown-interval disable\n"));
  for (const auto* line : {"set ldb-method http-host\n", "set http-host \"pub.example\"\n", "set status standby\n",
                           "set health-check enable\n", "set health-check-proto http\n", "set holddown-interval disable\n"}) {
    EXPECT_THAT(config, HasSubstr(line));
  }
  EXPECT_TRUE(lets_in());
  take(with("set ldb-method round-robin\n", "set http-host ''\n"));
  EXPECT_TRUE(lets_in());
}

TEST_F(ProxyImport, TagsOfAConnectorThatIsLeftOutAreNobodyElses) {
  here("config endpoint-control fctems\nedit 1\nset server \"ems.example\"\nnext\nend\n");
  const std::string cloud = "config endpoint-control fctems\nedit 1\nset status enable\nset fortinetone-cloud-authentication enable\n"
                            "set serial-number \"FCTEMS0000100000\"\nnext\nend\n";
  for (const std::string tag : {"FCTEMS0000100000_Good", "EMS1_ZTNA_Good"}) {
    const auto asks = policy("set access-proxy \"p\"\nset ztna-ems-tag \"" + tag + "\"\n");
    take(cloud + vip() + proxy("") + asks);
    EXPECT_FALSE(lets_in()) << tag;
    EXPECT_THAT(off("firewall proxy-policy 1"), HasSubstr("endpoint-control fctems 1 is left out"));
  }
  take(cloud + vip() + proxy("") + policy("set access-proxy \"p\"\nset ztna-ems-tag \"EMS2_ZTNA_Good\"\n"));
  EXPECT_TRUE(lets_in());
}

TEST_F(ProxyImport, PartsMayReferToWhatIsHereByTheSameName) {
  here(vip("", "web"));
  take(proxy("", "web", "web") + policy("set access-proxy \"web\"\n"));
  EXPECT_TRUE(lets_in());
}

}  // namespace
}  // namespace postern::gateway::config::fortios
