// The configuration over REST: what people script against.
#include <gmock/gmock.h>

#include "gateway/api/api_lab.h"
#include "gateway/api/cmdb_json.h"
#include "gateway/config/text.h"

namespace postern::gateway::api {
namespace {

namespace json = boost::json;
using testing::HasSubstr;
using testing::Not;

class CmdbTest : public ApiLab {
 protected:
  void SetUp() override {
    configure("config firewall vip\nedit web\nset extip 10.0.2.254\nset extport 8444\nnext\nend\n");
  }
};

const char* kProxy = R"({"name":"web","vip":"web","client-cert":"enable","api-gateway":[
  {"id":2,"url-map":"/b","realservers":[{"id":1,"ip":"10.0.3.2","port":80}]},
  {"id":1,"url-map":"/a","realservers":[{"id":1,"ip":"10.0.3.2","port":8080},{"id":2,"ip":"10.0.3.3"}]}]})";

TEST_F(CmdbTest, AnswersStandInTheEnvelope) {
  const auto reply = cmdb("GET", "firewall/vip/web?vdom=root");
  ASSERT_EQ(reply.status, 200);
  EXPECT_EQ(reply.at("/http_method"), "GET");
  EXPECT_EQ(reply.at("/vdom"), "root");
  EXPECT_EQ(reply.at("/path"), "firewall");
  EXPECT_EQ(reply.at("/name"), "vip");
  EXPECT_EQ(reply.at("/mkey"), "web");
  EXPECT_EQ(reply.at("/status"), "success");
  EXPECT_EQ(reply.at("/http_status"), 200);
  EXPECT_EQ(reply.at("/serial"), "PGW0000000000001");
  EXPECT_TRUE(std::string_view(reply.at("/version").as_string()).starts_with("v"));
  EXPECT_TRUE(reply.at("/build").is_int64());
  EXPECT_EQ(reply.at("/results/0/extip"), "10.0.2.254");
  EXPECT_EQ(reply.at("/results/0/extport"), "8444");
  EXPECT_EQ(reply.at("/results/0/q_origin_key"), "web");
  const auto all_domains = cmdb("GET", "firewall/vip?vdom=*");
  EXPECT_EQ(all_domains.at("/0/results/0/name"), "web");
  EXPECT_EQ(cmdb("GET", "firewall/vip?vdom=other").status, 404);
}

TEST_F(CmdbTest, EveryTableCanBeRead) {
  for (const auto& table : config::gateway_schema().root().tables) {
    std::string path = table.name;
    const auto last = path.rfind(' ');
    for (char& c : path) c = c == ' ' ? '.' : c;
    path[last] = '/';
    const auto reply = cmdb("GET", path);
    EXPECT_EQ(reply.status, 200) << path;
    EXPECT_EQ(reply.at("/results").is_object(), table.single()) << path;
    const auto schema = cmdb("GET", path + "?action=schema");
    EXPECT_EQ(schema.status, 200) << path;
    for (const auto& a : table.attributes) EXPECT_TRUE(schema.has("/results/children/" + a.name + "/type")) << a.name;
  }
}

TEST_F(CmdbTest, CreatesChangesAndDeletes) {
  const auto made = cmdb("POST", "firewall/access-proxy", kProxy);
  ASSERT_EQ(made.status, 200) << made.text;
  EXPECT_EQ(made.at("/revision_changed"), true);
  EXPECT_EQ(made.at("/mkey"), "web");
  EXPECT_NE(made.at("/revision"), made.at("/old_revision"));

  const auto got = cmdb("GET", "firewall/access-proxy/web");
  EXPECT_EQ(got.at("/results/0/api-gateway").as_array().size(), 2u);
  EXPECT_EQ(got.at("/results/0/api-gateway/0/id"), 1);
  EXPECT_EQ(got.at("/results/0/api-gateway/0/realservers/1/ip"), "10.0.3.3");
  EXPECT_EQ(got.at("/results/0/api-gateway/0/realservers/1/port"), 443);

  const auto changed = cmdb("PUT", "firewall/access-proxy/web", R"({"empty-cert-action":"accept"})");
  EXPECT_EQ(changed.status, 200);
  EXPECT_EQ(changed.at("/revision_changed"), true);
  const auto after = cmdb("GET", "firewall/access-proxy/web");
  EXPECT_EQ(after.at("/results/0/empty-cert-action"), "accept");
  EXPECT_EQ(after.at("/results/0/api-gateway").as_array().size(), 2u);  // not named: as it was

  const auto gone = cmdb("DELETE", "firewall/access-proxy/web");
  EXPECT_EQ(gone.status, 200);
  EXPECT_EQ(gone.at("/revision_changed"), true);
  EXPECT_EQ(cmdb("GET", "firewall/access-proxy/web").status, 404);
}

TEST_F(CmdbTest, WhatIsShownCanBeGivenBack) {
  ASSERT_EQ(cmdb("POST", "firewall/access-proxy", kProxy).status, 200);
  const Live interface = {
      {"ip", {"10.0.1.1/24", "2001:db8::1/64"}}, {"mac", {"02:00:00:00:00:01"}}, {"status", {"up"}}};
  configure(
      "config system interface\nedit port1\nset alias lan\nnext\nend\n"
      "config endpoint-control fctems\nedit 1\nset server ems.example\nnext\nend\n"
      "config firewall policy\nedit 1\nset srcintf port1\nset dstintf port2\nset srcaddr all\nset dstaddr all\n"
      "set service HTTP HTTPS\nset ztna-status enable\nset ztna-ems-tag EMS1_ZTNA_a EMS1_ZTNA_b\nnext\nend\n"
      "config firewall service custom\nedit s\nset tcp-portrange 80 8000-8010\nnext\nend\n");
  for (const std::string target : {"firewall/access-proxy/web", "system/interface/port1", "endpoint-control/fctems/1",
                                   "firewall/policy/1", "firewall.service/custom/s", "firewall/vip/web"}) {
    operations.live = target.starts_with("system") ? interface : Live();
    const auto object = json::serialize(cmdb("GET", target).at("/results/0"));
    const auto put = cmdb("PUT", target, object);
    EXPECT_EQ(put.status, 200) << target << put.text;
    EXPECT_EQ(put.at("/revision_changed"), false) << target;
    EXPECT_EQ(json::serialize(cmdb("GET", target).at("/results/0")), object);
  }
  const auto global = cmdb("PUT", "system/global", json::serialize(cmdb("GET", "system/global").at("/results")));
  EXPECT_EQ(global.at("/revision_changed"), false);
}

TEST_F(CmdbTest, EqualInOtherWordsIsNoChange) {
  ASSERT_EQ(cmdb("POST", "firewall/address", R"({"name":"net","subnet":"10.0.1.0/24"})").status, 200);
  for (const char* same : {R"({"subnet":"10.0.1.0 255.255.255.0"})", "{}", "",
                           R"({"name":"net","q_origin_key":"net","comment":""})"}) {
    const auto put = cmdb("PUT", "firewall/address/net", same);
    EXPECT_EQ(put.status, 200) << same << put.text;
    EXPECT_EQ(put.at("/revision_changed"), false) << same;
  }
  EXPECT_EQ(cmdb("PUT", "firewall/vip/web", R"({"extport":"8444"})").at("/revision_changed"), false);
}

TEST_F(CmdbTest, PutNeverCreates) {
  const auto put = cmdb("PUT", "firewall/address/nobody", R"({"name":"nobody","subnet":"10.0.1.0/24"})");
  EXPECT_EQ(put.status, 404);
  EXPECT_EQ(put.at("/error"), -3);
  EXPECT_EQ(put.at("/revision_changed"), false);
  EXPECT_EQ(cmdb("GET", "firewall/address/nobody").status, 404);
  EXPECT_EQ(cmdb("PUT", "firewall/policy/nonsense", "{}").status, 404);
  const auto gone = cmdb("DELETE", "firewall/address/nobody");
  EXPECT_EQ(gone.status, 404);
  EXPECT_EQ(gone.at("/http_method"), "DELETE");
  EXPECT_EQ(gone.at("/http_status"), 404);
  EXPECT_EQ(gone.at("/revision_changed"), false);
}

TEST_F(CmdbTest, RefusedValuesSayWhatIsAllowedAndChangeNothing) {
  const auto before = config::print_tree(*store->current());
  const std::pair<const char*, const char*> wrong[] = {
      {R"({"extport":70000})", "1 to 65535"},
      {R"({"extport":1.5})", "extport"},
      {R"({"extport":true})", "extport"},
      {R"({"extip":"10.0.2.300"})", "an IPv4 or IPv6 address"},
      {R"({"extip":["10.0.2.1"]})", "one value"},
      {R"({"ssl-certificate":"nobody"})", "there is no \"nobody\""},
      {R"({"extintf":"a-name-of-sixteen"})", "15"},
      {R"({"no-such":1})", "known are"},
      {R"({"name":"other"})", "names another entry"},
      {R"({"comment":"a\nb"})", "comment"},
  };
  for (const auto& [body, text] : wrong) {
    const auto put = cmdb("PUT", "firewall/vip/web", body);
    EXPECT_EQ(put.status, 424) << body;
    EXPECT_THAT(put.cli_error(), HasSubstr(text)) << body;
    EXPECT_EQ(put.at("/status"), "error");
    EXPECT_EQ(put.at("/revision_changed"), false);
  }
  // Not even half of it.
  EXPECT_EQ(cmdb("PUT", "firewall/vip/web", R"({"comment":"new","extport":0})").status, 424);
  EXPECT_EQ(config::print_tree(*store->current()), before);
}

TEST_F(CmdbTest, BodiesThatAreNotOneJsonObject) {
  for (const char* body : {"{", "[]", "1", R"({"extport":1}x)", R"({"extport":1,"extport":2})",
                           R"({"comment":"\ud800"})", "{\"comment\":\"\xff\"}", R"({"extport":1e999})"}) {
    const auto put = cmdb("PUT", "firewall/vip/web", body);
    EXPECT_EQ(put.status, 400) << body;
    EXPECT_THAT(put.cli_error(), HasSubstr("body")) << body;
  }
  EXPECT_EQ(cmdb("PUT", "firewall/vip/web", std::string(20, '[') + std::string(20, ']')).status, 400);
  EXPECT_EQ(cmdb("PUT", "firewall/vip/web", std::string((1 << 20) + 1, ' ')).status, 413);
}

TEST_F(CmdbTest, NoticesStandInTheAnswerWhenThereAreAny) {
  ASSERT_FALSE(cmdb("POST", "firewall/access-proxy", kProxy).has("/notices"));
  const auto proxy = std::string(cmdb("GET", "firewall/access-proxy").at("/results/0/name").as_string());
  const auto made = cmdb("POST", "firewall/proxy-policy",
                         R"({"policyid":5,"access-proxy":[{"name":")" + proxy +
                             R"("}],"ztna-ems-tag":[{"name":"EMS1_ZTNA_Later"}],"action":"accept"})");
  ASSERT_EQ(made.status, 200) << made.text;
  EXPECT_THAT(std::string(made.at("/notices/0").as_string()),
              HasSubstr("firewall proxy-policy 5: no connected EMS has shared a tag EMS1_ZTNA_Later"));
  operations.in_the_way = {"port 444 is taken"};
  EXPECT_EQ(cmdb("PUT", "firewall/vip/web", R"({"extport":444})").at("/notices/0"), "port 444 is taken");
}

TEST_F(CmdbTest, DuplicatesAndReferencesInUse) {
  const auto twice = cmdb("POST", "firewall/vip", R"({"name":"web"})");
  EXPECT_EQ(twice.status, 424);
  EXPECT_EQ(twice.at("/error"), -5);
  ASSERT_EQ(cmdb("POST", "firewall/access-proxy", kProxy).status, 200);
  const auto used = cmdb("DELETE", "firewall/vip/web");
  EXPECT_EQ(used.status, 424);
  EXPECT_EQ(used.at("/error"), -23);
  EXPECT_THAT(used.cli_error(), HasSubstr("firewall vip web: is used by firewall access-proxy "));
  EXPECT_EQ(cmdb("GET", "firewall/vip/web").status, 200);
  EXPECT_EQ(cmdb("POST", "firewall/vip", R"({"extport":1})").status, 424);           // no name
  EXPECT_EQ(cmdb("PUT", "firewall/address/all", R"({"comment":"x"})").status, 424);  // built in
  EXPECT_EQ(cmdb("DELETE", "firewall/address/all").status, 424);
  EXPECT_EQ(cmdb("POST", "firewall/address", R"({"name":"all","subnet":"10.0.0.0/8"})").status, 424);
}

TEST_F(CmdbTest, NestedTablesAreReplacedWhole) {
  ASSERT_EQ(cmdb("POST", "firewall/access-proxy", kProxy).status, 200);
  const auto put = cmdb(
      "PUT", "firewall/access-proxy/web",
      R"({"api-gateway":[{"id":7,"realservers":[)"
      R"({"ip":"10.0.3.9"},{"id":0,"ip":"10.0.3.8"},{"id":5,"ip":"10.0.3.7"}]}]})");
  ASSERT_EQ(put.status, 200) << put.text;
  const auto got = cmdb("GET", "firewall/access-proxy/web");
  ASSERT_EQ(got.at("/results/0/api-gateway").as_array().size(), 1u);
  // Numbers left out are drawn behind those given.
  std::vector<std::int64_t> ids;
  for (const auto& s : got.at("/results/0/api-gateway/0/realservers").as_array()) ids.push_back(s.at("id").as_int64());
  EXPECT_THAT(ids, testing::ElementsAre(5, 6, 7));
  EXPECT_EQ(cmdb("PUT", "firewall/access-proxy/web", R"({"api-gateway":[{"id":1},{"id":1}]})").status, 424);
  EXPECT_EQ(cmdb("PUT", "firewall/access-proxy/web", R"({"api-gateway":{"id":1}})").status, 424);
  EXPECT_EQ(cmdb("PUT", "firewall/access-proxy/web", R"({"api-gateway":[1]})").status, 424);
  EXPECT_EQ(cmdb("PUT", "firewall/access-proxy/web", R"({"api-gateway":[]})").status, 200);
  EXPECT_THAT(shown("firewall access-proxy"), Not(HasSubstr("api-gateway")));
}

TEST_F(CmdbTest, NestedTablesHaveAddressesOfTheirOwn) {
  ASSERT_EQ(cmdb("POST", "firewall/access-proxy", kProxy).status, 200);
  const std::string servers = "firewall/access-proxy/web/api-gateway/1/realservers";
  EXPECT_EQ(cmdb("GET", servers).at("/results").as_array().size(), 2u);
  const auto made = cmdb("POST", servers, R"({"ip":"10.0.3.4"})");
  EXPECT_EQ(made.status, 200) << made.text;
  EXPECT_EQ(made.at("/mkey"), "3");
  EXPECT_EQ(cmdb("PUT", servers + "/3", R"({"status":"disable"})").at("/revision_changed"), true);
  EXPECT_EQ(cmdb("GET", servers + "/3").at("/results/0/status"), "disable");
  EXPECT_EQ(cmdb("DELETE", servers + "/3").status, 200);
  EXPECT_EQ(cmdb("POST", "firewall/access-proxy/nobody/api-gateway", R"({"id":1})").status, 404);
  EXPECT_EQ(cmdb("GET", "firewall/access-proxy/nobody/api-gateway").status, 404);
}

TEST_F(CmdbTest, PoliciesGetNumbersAndMove) {
  const std::string policy = R"({"policyid":0,"srcintf":[{"name":"port1"}],"dstintf":["any"],"srcaddr":[{"name":"all"}],
    "dstaddr":[{"name":"all"}],"service":[{"name":"ALL"}],"action":"accept"})";
  for (int i = 1; i <= 3; ++i)
    EXPECT_EQ(cmdb("POST", "firewall/policy", policy).at("/mkey"), std::to_string(i).c_str());
  const auto ids = [&] {
    std::string out;
    const auto reply = cmdb("GET", "firewall/policy?format=policyid");
    for (const auto& p : reply.at("/results").as_array()) {
      EXPECT_EQ(p.as_object().size(), 1u);
      out += std::to_string(p.at("policyid").as_int64());
    }
    return out;
  };
  EXPECT_EQ(cmdb("PUT", "firewall/policy/3?action=move&before=1").at("/revision_changed"), true);
  EXPECT_EQ(ids(), "312");
  EXPECT_EQ(cmdb("PUT", "firewall/policy/3?action=move&after=2").status, 200);
  EXPECT_EQ(ids(), "123");
  EXPECT_EQ(cmdb("PUT", "firewall/policy/3?action=move&after=9").status, 424);
  EXPECT_EQ(cmdb("PUT", "firewall/policy/9?action=move&after=1").status, 404);
  EXPECT_EQ(cmdb("PUT", "firewall/policy/3?action=move").status, 400);
  EXPECT_EQ(cmdb("PUT", "firewall/vip/web?action=move&after=x").status, 424);
}

TEST_F(CmdbTest, ListsCanBeNarrowed) {
  for (const char* name : {"a1", "a2", "b1"}) {
    ASSERT_EQ(
        cmdb("POST", "firewall/address", R"({"subnet":"10.0.0.0/8","comment":"c","name":")" + std::string(name) + "\"}")
            .status,
        200);
  }
  const auto names = [&](const std::string& query) {
    std::vector<std::string> out;
    const auto reply = cmdb("GET", "firewall/address?" + query);
    EXPECT_EQ(reply.status, 200) << query;
    for (const auto& o : reply.at("/results").as_array()) out.emplace_back(o.at("name").as_string());
    return out;
  };
  using testing::ElementsAre;
  EXPECT_THAT(names(""), ElementsAre("all", "a1", "a2", "b1"));
  EXPECT_THAT(names("filter=name==a2"), ElementsAre("a2"));
  EXPECT_THAT(names("filter=name==a2,name==b1"), ElementsAre("a2", "b1"));
  EXPECT_THAT(names("filter=name=@A"), ElementsAre("all", "a1", "a2"));
  EXPECT_THAT(names("filter=comment!=c"), ElementsAre("all"));
  EXPECT_THAT(names("filter=comment==c&start=1&count=1"), ElementsAre("a2"));
  EXPECT_EQ(cmdb("GET", "firewall/address?filter=comment==c&count=1").at("/matched_count"), 3);
  for (const char* query : {"filter=nonsense", "filter=no-such==1", "count=-1", "start=x", "format=no-such",
                            "flter=name==x", "action=delete"}) {
    EXPECT_EQ(cmdb("GET", std::string("firewall/address?") + query).status, 400) << query;
  }
}

TEST_F(CmdbTest, AddressesAndMethodsThatAreNot) {
  for (const char* target :
       {"firewall", "firewall/nothing", "nothing/vip", "firewall/vip/web/nothing", "firewall/vip/web/nothing/1",
        "system/global/x", "firewall service/custom/x/y", "/", "..", "firewall/vip/web/"}) {
    const auto status = cmdb("GET", target).status;
    if (std::string_view(target) == "firewall/vip/web/")
      EXPECT_EQ(status, 200);
    else
      EXPECT_EQ(status, 404) << target;
  }
  EXPECT_EQ(cmdb("POST", "firewall/vip/web", "{}").status, 405);
  EXPECT_EQ(cmdb("PUT", "firewall/vip", R"({"name":"web"})").status, 405);
  EXPECT_EQ(cmdb("DELETE", "firewall/vip").status, 405);
  EXPECT_EQ(cmdb("POST", "system/global", "{}").status, 405);
  EXPECT_EQ(cmdb("DELETE", "system/global").status, 405);
  const auto patch = cmdb("PATCH", "firewall/vip/web", "{}");
  EXPECT_EQ(patch.status, 405);
  EXPECT_NE(patch.headers.find("Allow"), nullptr);
}

TEST_F(CmdbTest, SecretsGoInAndNeverComeOut) {
  const auto made = cmdb("POST", "system/admin", R"({"name":"eve","password":"hunter2 hunter2"})");
  ASSERT_EQ(made.status, 200) << made.text;
  EXPECT_EQ(operations.offloaded, 1);  // hashed off the loop
  const auto hash = store->current()->entries("system admin").front().text("password");
  EXPECT_TRUE(config::verify_secret(hash, "hunter2 hunter2"));
  const auto got = cmdb("GET", "system/admin/eve");
  EXPECT_EQ(got.at("/results/0/password"), "ENC XXXX");
  EXPECT_THAT(got.text, Not(HasSubstr(hash)));
  // Given back, or given again: it stays.
  EXPECT_EQ(cmdb("PUT", "system/admin/eve", R"({"password":"ENC XXXX"})").at("/revision_changed"), false);
  EXPECT_EQ(cmdb("PUT", "system/admin/eve", R"({"password":"hunter2 hunter2"})").at("/revision_changed"), false);
  EXPECT_EQ(cmdb("PUT", "system/admin/eve", R"({"password":"another other"})").at("/revision_changed"), true);
  EXPECT_EQ(cmdb("POST", "system/admin", R"({"name":"eva","password":"ENC XXXX"})").status, 424);
  const auto chosen = cmdb("PUT", "system/api-user/tests", R"({"api-key":"mine"})");
  EXPECT_EQ(chosen.status, 424);
  EXPECT_THAT(chosen.cli_error(), HasSubstr("generate-key"));
  EXPECT_THAT(cmdb("GET", "system/api-user").text, Not(HasSubstr("sha256$")));
}

TEST_F(CmdbTest, APasswordThatIsTooShortIsRefusedAndNothingChanges) {
  ASSERT_EQ(cmdb("POST", "system/admin", R"({"name":"eve","password":"hunter2 hunter2"})").status, 200);
  const auto before = shown("system admin");
  const int hashed = operations.offloaded;
  for (const auto& [method, at, body] : std::vector<std::array<const char*, 3>>{
           {"PUT", "system/admin/eve", R"({"password":"x"})"},
           {"PUT", "system/admin/eve", R"({"comments":"new","password":"elevenbytes"})"},
           {"POST", "system/admin", R"({"name":"mallory","password":"x"})"}}) {
    const auto reply = cmdb(method, at, body);
    EXPECT_EQ(reply.status, 424) << reply.text;
    EXPECT_EQ(reply.at("/error"), -651);
    EXPECT_THAT(reply.cli_error(), HasSubstr("password: must be 12 to 128 characters long")) << body;
    EXPECT_THAT(reply.cli_error(), testing::StartsWith("system admin"));
  }
  EXPECT_THAT(cmdb("POST", "system/admin", R"({"name":"mallory","password":"mallory mallory"})").cli_error(),
              HasSubstr("must not contain the user's name"));
  EXPECT_EQ(shown("system admin"), before);
  EXPECT_EQ(operations.offloaded, hashed);
}

TEST_F(CmdbTest, WithoutMemoryForHashingThePasswordStays) {
  ASSERT_EQ(cmdb("POST", "system/admin", R"({"name":"eve","password":"hunter2 hunter2"})").status, 200);
  const auto before = shown("system admin");
  operations.run_offloaded = false;
  const auto put = cmdb("PUT", "system/admin/eve", R"({"password":"another other"})");
  EXPECT_EQ(put.status, 500);
  EXPECT_THAT(put.cli_error(), HasSubstr("memory"));
  EXPECT_EQ(shown("system admin"), before);
}

TEST_F(CmdbTest, PrivateKeysNeverComeOut) {
  const std::string key = R"(-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END PRIVATE KEY-----)";
  const std::string certificate = R"(-----BEGIN CERTIFICATE-----\nMC4CAQ==\n-----END CERTIFICATE-----)";
  const auto made = cmdb("POST", "certificate/local",
                         R"({"name":"c","certificate":")" + certificate + R"(","private-key":")" + key + "\"}");
  ASSERT_EQ(made.status, 200) << made.text;
  const auto got = cmdb("GET", "certificate/local/c");
  EXPECT_EQ(got.at("/results/0/private-key"), "ENC XXXX");
  EXPECT_THAT(got.text, HasSubstr("BEGIN CERTIFICATE"));
  EXPECT_EQ(cmdb("PUT", "certificate/local/c", json::serialize(got.at("/results/0"))).at("/revision_changed"), false);
  EXPECT_THAT(shown("certificate local"), HasSubstr("MC4CAQAwBQYDK2VwBCIEIA=="));
}

TEST_F(CmdbTest, InterfacesOfTheKernelAreThereWithoutBeingConfigured) {
  operations.live = {{"mac", {"02:00:00:00:00:01"}}};
  const auto all = cmdb("GET", "system/interface");
  EXPECT_EQ(all.at("/results").as_array().size(), 2u);
  EXPECT_EQ(cmdb("GET", "system/interface/port2").at("/results/0/mac"), "02:00:00:00:00:01");
  EXPECT_EQ(cmdb("PUT", "system/interface/port2", R"({"mac":"02:00:00:00:00:99"})").status, 424);
  EXPECT_EQ(cmdb("PUT", "system/interface/port2", R"({"alias":"wan"})").status, 200);
  EXPECT_EQ(cmdb("PUT", "system/interface/port9", R"({"alias":"wan"})").status, 404);
  EXPECT_THAT(shown("system interface"), HasSubstr("edit \"port2\""));
}

TEST_F(CmdbTest, AConfigurationThatCannotBeKeptIsNotInForce) {
  store->add_check([](const config::ConfigTree&) -> Status {
    return fail(ErrorCode::kResourceExhausted, "keeping the configuration: no space left on device");
  });
  const auto put = cmdb("PUT", "firewall/vip/web", R"({"extport":9443})");
  EXPECT_EQ(put.status, 500);
  EXPECT_THAT(put.cli_error(), HasSubstr("no space left"));
  EXPECT_EQ(cmdb("GET", "firewall/vip/web").at("/results/0/extport"), "8444");
}

TEST_F(CmdbTest, AKeyMayHoldABackslash) {
  ASSERT_EQ(cmdb("POST", "firewall/address", R"({"name":"a\\b","subnet":"10.0.0.0/24"})").status, 200);
  EXPECT_EQ(cmdb("GET", "firewall/address/a%5Cb").at("/results/0/name"), "a\\b");
  EXPECT_EQ(cmdb("PUT", "firewall/address/a%5cb", R"({"comment":"x"})").status, 200);
  EXPECT_EQ(cmdb("DELETE", "firewall/address/a%5Cb").status, 200);
}

TEST_F(CmdbTest, AKeyMayHoldASlash) {
  ASSERT_EQ(cmdb("POST", "firewall/address", R"({"name":"10.0.0.0/24","subnet":"10.0.0.0/24"})").status, 200);
  const auto got = cmdb("GET", "firewall/address/10.0.0.0%2F24");
  ASSERT_EQ(got.status, 200);
  EXPECT_EQ(got.at("/results/0/name"), "10.0.0.0/24");
  EXPECT_EQ(got.at("/mkey"), "10.0.0.0/24");
  EXPECT_EQ(cmdb("PUT", "firewall/address/10.0.0.0%2F24", R"({"comment":"x"})").status, 200);
  EXPECT_EQ(cmdb("GET", "firewall/address/10.0.0.0/24").status, 404);
  EXPECT_EQ(cmdb("DELETE", "firewall/address/10.0.0.0%2F24").status, 200);
}

}  // namespace
}  // namespace postern::gateway::api
