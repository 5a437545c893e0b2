#include <fmt/format.h>
#include <gmock/gmock.h>

#include <filesystem>

#include "base/file.h"
#include "base/random.h"
#include "gateway/config/editor.h"
#include "gateway/config/model.h"
#include "gateway/config/api_key.h"
#include "gateway/config/secret.h"
#include "gateway/config/store.h"
#include "gateway/config/text.h"

namespace postern::gateway::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string refused(const Status& status) { return status ? "was taken" : status.error().message; }

Status take(ConfigStore& store, std::string_view text) {
  auto t = store.begin();
  if (auto s = apply_text(t, text); !s) return s;
  return store.commit(t);
}

std::string whole() { return *read_file(std::filesystem::path(POSTERN_SOURCE_DIR) / "tests/golden/gateway-config.txt", 1 << 20); }

TEST(Config, WhatShowPrintsIsTakenBackUnchanged) {
  auto first = ConfigStore::in_memory(gateway_schema());
  ASSERT_EQ(refused(take(*first, whole())), "was taken");
  const std::string shown = print_tree(*first->current());
  EXPECT_EQ(shown, whole());
  auto second = ConfigStore::in_memory(gateway_schema());
  ASSERT_EQ(refused(take(*second, shown)), "was taken");
  EXPECT_TRUE(second->current()->same_content(*first->current()));
  // Every table of the schema has its place in that text.
  for (const auto& table : gateway_schema().root().tables) {
    EXPECT_THAT(shown, HasSubstr("config " + table.name + "\n"));
  }
}

TEST(Config, FullConfigurationIsTakenBackToo) {
  auto first = ConfigStore::in_memory(gateway_schema());
  ASSERT_TRUE(take(*first, whole()));
  auto second = ConfigStore::in_memory(gateway_schema());
  const std::string full = print_tree(*first->current(), ShowMode::kFull);
  EXPECT_THAT(full, HasSubstr("set out-of-sync-threshold 180\n"));
  ASSERT_EQ(refused(take(*second, full)), "was taken");
  EXPECT_TRUE(second->current()->same_content(*first->current()));
}

TEST(Config, PlainValuesHaveTheirDefaults) {
  auto store = ConfigStore::in_memory(gateway_schema());
  ASSERT_TRUE(take(*store, whole()));
  const auto c = read_config(*store->current());
  EXPECT_EQ(c.global.hostname, "gw1");
  ASSERT_EQ(c.connectors.size(), 1u);
  EXPECT_TRUE(c.connectors[0].enabled);
  EXPECT_EQ(c.connectors[0].server, "10.0.2.10");
  EXPECT_EQ(c.connectors[0].call_timeout, Seconds(30));
  EXPECT_FALSE(c.connectors[0].source_ip.valid());
  ASSERT_TRUE(c.connectors[0].fingerprint);
  ASSERT_EQ(c.access_proxies.size(), 2u);
  ASSERT_EQ(c.access_proxies[0].gateways.size(), 2u);
  EXPECT_FALSE(c.access_proxies[0].gateways[0].forwards);
  EXPECT_TRUE(c.access_proxies[0].gateways[1].forwards);
  EXPECT_TRUE(c.access_proxies[0].gateways[1].servers.empty());
  EXPECT_EQ(print_destinations(c.access_proxies[0].gateways[1].destinations), "10.0.3.11 22 5432-5440;db.example 5432");
  EXPECT_EQ(c.access_proxies[0].gateways[0].servers[0].ip.str(), "10.0.3.10");
  EXPECT_EQ(c.access_proxies[0].gateways[0].servers[0].weight, 3u);
  EXPECT_EQ(c.access_proxies[0].vip.certificate, "web");
  const auto* lan = find_named(c.addresses, "lan");
  ASSERT_TRUE(lan);
  EXPECT_EQ(lan->ranges[0].first.str(), "10.0.1.0");
  EXPECT_EQ(lan->ranges[0].last.str(), "10.0.1.255");
  const auto* v6 = find_named(c.addresses, "lan6");
  ASSERT_TRUE(v6);
  EXPECT_EQ(v6->ranges[0].last.str(), "2001:db8:1:ffff:ffff:ffff:ffff:ffff");
  EXPECT_TRUE(find_named(c.addresses, "all")->all);
  ASSERT_EQ(c.proxy_policies.size(), 2u);
  EXPECT_EQ(c.proxy_policies[0].id, 2);  // moved in front of 1
  EXPECT_THAT(c.proxy_policies[0].condition.tags, ElementsAre("EMS1_ZTNA_Vulnerable-Device"));
  EXPECT_EQ(c.proxy_policies[1].action, Action::kAccept);
  EXPECT_EQ(c.firewall_policies[0].condition.logic, MatchLogic::kAll);
  EXPECT_EQ(find_named(c.services, "web-alt")->tcp[1].last, 8100);
}

struct Refusal {
  const char* text;
  std::vector<std::string> says;
};

TEST(Config, ErrorsNameTheLineTheValueAndWhatIsAllowed) {
  const std::vector<Refusal> refusals = {
      {"config endpoint-control fctems\nedit 8\n", {"line 2", "\"8\"", "1 to 7"}},
      {"config endpoint-control fctems\nedit 1\nset call-timeout 181\n", {"line 3", "fctems 1", "call-timeout", "181", "1 to 180"}},
      {"config endpoint-control fctems\nedit 1\nset status maybe\n", {"status", "\"maybe\"", "enable or disable"}},
      {"config endpoint-control fctems\nedit 1\nset server 10.0.0.300\n", {"server", "10.0.0.300", "host name"}},
      {"config endpoint-control fctems\nedit 1\nset websocket-override enable\n", {"no effect", "disable"}},
      {"config endpoint-control fctems\nedit 1\nset capabilities x\n", {"capabilities", "can't be set"}},
      {"config endpoint-control fctems\nedit 1\nset status enable\nnext\n", {"line 4", "status", "set server"}},
      {"config firewall vip\nedit a\nset extport 0\n", {"extport", "\"0\"", "1 to 65535"}},
      {"config firewall vip\nedit a\nset colour red\n", {"firewall vip a", "colour", "allowed: type"}},
      {"config firewall vip\nedit a\nset ssl-certificate nope\nend\n", {"there is no \"nope\" in certificate local"}},
      {"config firewall address\nedit all\n", {"built in"}},
      {"config firewall address\nedit a\nset subnet 10.0.0.0/33\n", {"subnet", "10.0.0.0/33"}},
      {"config firewall address\nedit a\nset subnet 10.0.0.0 255.0.255.0\n", {"subnet", "255.0.255.0"}},
      {"config firewall proxy-policy\nedit 1\nset ztna-ems-tag Vulnerable-Device\n", {"ztna-ems-tag", "EMS<1..7>_ZTNA_"}},
      {"config firewall policy\nedit 1\nset ztna-ems-tag EMS1_ZTNA_x\nset srcintf a\nset dstintf b\nset srcaddr all\n"
       "set dstaddr all\nset service ALL\nnext\n", {"line 9", "ztna-status enable"}},
      {"config firewall policy\nedit 1\nnext\n", {"srcintf", "is missing"}},
      {"config firewall\n", {"a word is missing", "vip"}},
      {"config nonsense\n", {"nonsense", "system"}},
      {"config firewall vip\nedit a\n", {"ends inside firewall vip a"}},
      {"config firewall vip\nedit \"a\n", {"never closed"}},
      {"config system admin\nedit a\nset password secret\n", {"password", "that is not allowed"}},
      {"config firewall address\nedit ..\n", {"firewall address ..", "choose another name"}},
      {"config firewall vip\nedit a\nnext\nrename a to .\n", {"firewall vip .", "choose another name"}},
      {"edit a\n", {"line 1", "config"}},
      {"config firewall vip\nedit \"\"\n", {"line 2", "name"}},
      {"config firewall vip\nedit a\nnext\nrename a to \"\"\n", {"line 4", "name"}},
      {"config firewall access-proxy\nedit a\nset auth-portal enable\n", {"auth-portal", "no effect", "disable"}},
  };
  for (const auto& r : refusals) {
    auto store = ConfigStore::in_memory(gateway_schema());
    ASSERT_TRUE(take(*store, "config system global\nset hostname before\nend\n"));
    const auto status = take(*store, r.text);
    ASSERT_FALSE(status) << r.text;
    for (const auto& says : r.says) EXPECT_THAT(status.error().message, HasSubstr(says)) << r.text;
    EXPECT_EQ(print_tree(*store->current()), "config system global\n    set hostname \"before\"\nend\n");
  }
}

TEST(Config, WhatIsReferredToCannotGo) {
  auto store = ConfigStore::in_memory(gateway_schema());
  ASSERT_TRUE(take(*store, whole()));
  auto t = store->begin();
  ASSERT_TRUE(t.remove({{"firewall vip", "front"}}));
  const auto status = store->commit(t);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message,
            "firewall vip front: is used by firewall access-proxy web (vip): change or delete that first");
  // Together with what refers to it, it can go.
  ASSERT_TRUE(t.remove({{"firewall proxy-policy", "1"}}));
  ASSERT_TRUE(t.remove({{"firewall proxy-policy", "2"}}));
  ASSERT_TRUE(t.remove({{"firewall access-proxy", "web"}}));
  const auto both = store->commit(t);
  EXPECT_TRUE(both) << both.error().message;
}

TEST(Config, ManyUsersOfAnObjectTakenAwayAreCounted) {
  auto store = ConfigStore::in_memory(gateway_schema());
  ASSERT_TRUE(take(*store, "config firewall address\nedit lan\nset subnet 10.0.0.0/8\nend\n"));
  std::string text = "config firewall policy\n";
  for (int i = 1; i <= 7; ++i) {
    text += "edit " + std::to_string(i) +
            "\nset srcintf a\nset dstintf b\nset srcaddr lan\nset dstaddr all\nset service ALL\nnext\n";
  }
  ASSERT_TRUE(take(*store, text + "end\n"));
  auto t = store->begin();
  ASSERT_TRUE(t.remove({{"firewall address", "lan"}}));
  const auto status = store->commit(t);
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message, HasSubstr("firewall address lan: is used by firewall policy 1 (srcaddr); "));
  EXPECT_THAT(status.error().message, HasSubstr("firewall policy 5 (srcaddr); 2 more: change or delete those first"));
}

TEST(Config, ASecondAdministratorIsToldAndLosesNothing) {
  auto store = ConfigStore::in_memory(gateway_schema());
  auto one = store->begin();
  auto two = store->begin();
  auto other_table = store->begin();
  ASSERT_TRUE(one.edit({{"firewall vip", "a"}}));
  ASSERT_TRUE(two.edit({{"firewall vip", "b"}}));
  ASSERT_TRUE(other_table.edit({{"system interface", "port1"}}));
  ASSERT_TRUE(store->commit(one));
  const auto status = store->commit(two);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kConflict);
  EXPECT_TRUE(store->commit(other_table));
  EXPECT_TRUE(store->current()->find({{"firewall vip", "a"}}));
  EXPECT_TRUE(store->current()->find({{"system interface", "port1"}}));
  EXPECT_FALSE(store->current()->find({{"firewall vip", "b"}}));
}

TEST(Config, TheLastAdministratorStays) {
  auto store = ConfigStore::in_memory(gateway_schema());
  SeededRandom random(1);
  const auto hash = hash_password("hunter2", random);
  const auto admin = [](const char* name) { return ObjectPath{{"system admin", name}}; };
  auto t = store->begin();
  ASSERT_TRUE(t.edit(admin("admin")));
  ASSERT_TRUE(store->commit(t)) << "the first one may be made without a password";
  t = store->begin();
  ASSERT_TRUE(t.set(admin("admin"), "password", {hash}));
  ASSERT_TRUE(store->commit(t));

  const auto refused = [&](const Transaction& change) {
    const auto status = store->commit(change);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, ErrorCode::kConflict);
    EXPECT_THAT(status.error().message, HasSubstr("no administrator who can sign in and change anything; make another one"));
    EXPECT_EQ(store->current()->entries("system admin").front().text("password"), hash);
  };
  t = store->begin();
  ASSERT_TRUE(t.remove(admin("admin")));
  refused(t);
  t = store->begin(Actor::kGateway);
  ASSERT_TRUE(t.remove(admin("admin")));
  refused(t);
  t = store->begin();
  ASSERT_TRUE(t.unset(admin("admin"), "password"));
  refused(t);
  // Somebody without a password is no help.
  t = store->begin();
  ASSERT_TRUE(t.remove(admin("admin")));
  ASSERT_TRUE(t.edit(admin("root")));
  refused(t);
  ASSERT_TRUE(t.set(admin("root"), "password", {hash}));
  // Nor is somebody who may only look.
  ASSERT_TRUE(t.set(admin("root"), "accprofile", {"super_admin_readonly"}));
  refused(t);
  ASSERT_TRUE(t.unset(admin("root"), "accprofile"));
  EXPECT_TRUE(store->commit(t)) << "handed over in one change";
  t = store->begin();
  ASSERT_TRUE(t.rename(admin("root"), "eve"));
  EXPECT_TRUE(store->commit(t));
}

TEST(Config, ChecksAndObserversSeeTheNextConfiguration) {
  auto store = ConfigStore::in_memory(gateway_schema());
  int seen = 0;
  store->add_check([](const ConfigTree& next) -> Status {
    if (read_config(next).global.hostname == "bad") return fail(ErrorCode::kInvalidArgument, "not that one");
    return {};
  });
  store->observe([&](const ConfigTree& before, const ConfigTree& after) {
    ++seen;
    EXPECT_EQ(read_config(before).global.hostname, "");
    EXPECT_EQ(read_config(after).global.hostname, "good");
  });
  EXPECT_EQ(refused(take(*store, "config system global\nset hostname bad\nend\n")), "not that one");
  EXPECT_EQ(seen, 0);
  ASSERT_TRUE(take(*store, "config system global\nset hostname good\nend\n"));
  ASSERT_TRUE(take(*store, "config system global\nset hostname good\nend\n"));  // changes nothing
  ASSERT_TRUE(take(*store, "config system global\nend\n"));
  EXPECT_EQ(seen, 1);
  EXPECT_EQ(store->current()->revision(), 1u);
}

TEST(Config, TheFileIsTheConfiguration) {
  const auto dir = std::filesystem::temp_directory_path() / ("postern-config-" + std::to_string(getpid()));
  std::filesystem::create_directories(dir);
  const auto file = dir / "gateway.conf";
  {
    auto store = ConfigStore::open(gateway_schema(), file);
    ASSERT_TRUE(store);
    ASSERT_EQ(refused(take(**store, whole())), "was taken");
  }
  auto again = ConfigStore::open(gateway_schema(), file);
  ASSERT_TRUE(again);
  EXPECT_EQ(print_tree(*(*again)->current()), whole());
  // The longest list there can be, all of it in quotes.
  std::string addresses = "config firewall address\n";
  Value members;
  for (int i = 0; i < 4096; ++i) {
    members.push_back(fmt::format("{:04}{}", i, std::string(75, '"')));
    addresses += "edit " + quote_word(members.back()) + "\nset subnet 10.0.0.1/32\nnext\n";
  }
  {
    auto t = (*again)->begin();
    ASSERT_TRUE(apply_text(t, addresses + "end\n"));
    ASSERT_TRUE(t.edit({{"firewall addrgrp", "large"}}));
    const auto set = t.set({{"firewall addrgrp", "large"}}, "member", members);
    ASSERT_TRUE(set) << set.error().message;
    const auto done = (*again)->commit(t);
    ASSERT_TRUE(done) << done.error().message;
  }
  again = ConfigStore::open(gateway_schema(), file);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ((*again)->current()->find({{"firewall addrgrp", "large"}})->values.at("member").size(), members.size());
  ASSERT_TRUE(write_file_atomic(file, "config firewall vip\nedit a\nset extport x\n"));
  const auto broken = ConfigStore::open(gateway_schema(), file);
  ASSERT_FALSE(broken);
  EXPECT_THAT(broken.error().message, testing::AllOf(HasSubstr("gateway.conf"), HasSubstr("line 3")));
  // A directory that is gone: the commit fails, the configuration stays.
  std::filesystem::remove_all(dir);
  EXPECT_FALSE(take(**again, "config system global\nset hostname other\nend\n"));
  EXPECT_EQ(read_config(*(*again)->current()).global.hostname, "gw1");
}

// What an update makes built in may stand in the file of the version before.
TEST(Config, AnEntryOfAnEarlierVersionStandsForWhatIsBuiltInSince) {
  const auto store = ConfigStore::in_memory(gateway_schema());
  auto old = store->begin(Actor::kGateway);
  ASSERT_TRUE(apply_text(old, "config firewall service custom\nedit PING6\nset tcp-portrange 7\nnext\nend\n"));
  ASSERT_TRUE(store->commit(old));
  const auto config = read_config(*store->current());
  EXPECT_EQ(std::count_if(config.services.begin(), config.services.end(), [](const auto& s) { return s.name == "PING6"; }), 1);
  EXPECT_EQ(find_named(config.services, "PING6")->tcp.size(), 1u);
  EXPECT_THAT(print_tree(*store->current()), HasSubstr("edit \"PING6\""));
  EXPECT_TRUE(take(*store, "config firewall service custom\nedit PING6\nset tcp-portrange 8\nnext\nend\n"));
  EXPECT_TRUE(take(*store, "config firewall service custom\ndelete PING6\nend\n"));
  EXPECT_EQ(find_named(read_config(*store->current()).services, "PING6")->protocol, ServiceConfig::Protocol::kIcmp6);
  EXPECT_FALSE(take(*store, "config firewall service custom\nedit PING6\nnext\nend\n"));
  EXPECT_FALSE(take(*store, "config firewall service custom\ndelete PING6\nend\n"));
  // What has always been there means one thing only.
  auto edited = store->begin(Actor::kGateway);
  EXPECT_FALSE(apply_text(edited, "config firewall address\nedit all\nset subnet 10.0.0.0/8\nnext\nend\n"));
}

TEST(Config, EntriesAreKeptInOrder) {
  auto store = ConfigStore::in_memory(gateway_schema());
  auto t = store->begin();
  for (const char* key : {"10", "9", "2"}) ASSERT_TRUE(t.edit({{"firewall proxy-policy", key}}));
  for (const char* key : {"3", "1", "2"}) ASSERT_TRUE(t.edit({{"endpoint-control fctems", key}}));
  const auto keys = [&](const char* table) {
    std::vector<std::string> out;
    for (const auto& o : t.tree().entries(table)) out.push_back(o.key());
    return out;
  };
  EXPECT_THAT(keys("firewall proxy-policy"), ElementsAre("10", "9", "2"));
  EXPECT_THAT(keys("endpoint-control fctems"), ElementsAre("1", "2", "3"));
  ASSERT_TRUE(t.move({{"firewall proxy-policy", "2"}}, true, "10"));
  EXPECT_THAT(keys("firewall proxy-policy"), ElementsAre("2", "10", "9"));
  ASSERT_TRUE(t.move({{"firewall proxy-policy", "2"}}, false, "10"));
  EXPECT_THAT(keys("firewall proxy-policy"), ElementsAre("10", "2", "9"));
  ASSERT_TRUE(t.rename({{"firewall proxy-policy", "2"}}, "7"));
  EXPECT_THAT(keys("firewall proxy-policy"), ElementsAre("10", "7", "9"));
  EXPECT_FALSE(t.rename({{"firewall proxy-policy", "7"}}, "9"));
  EXPECT_FALSE(t.move({{"endpoint-control fctems", "2"}}, true, "1"));
}

TEST(Config, SecretsAreKeptAsHashes) {
  SeededRandom random(1);
  const auto hash = hash_password("hunter2", random);
  EXPECT_THAT(hash, testing::Not(HasSubstr("hunter2")));
  EXPECT_THAT(hash, testing::StartsWith("ENC argon2id$"));
  EXPECT_TRUE(is_hashed_secret(hash));
  EXPECT_FALSE(is_hashed_key(hash));
  EXPECT_FALSE(is_clear_secret(hash));
  EXPECT_TRUE(verify_secret(hash, "hunter2"));
  EXPECT_FALSE(verify_secret(hash, "hunter3"));
  EXPECT_FALSE(verify_secret("", ""));
  EXPECT_NE(hash_password("hunter2", random), hash);  // salted
  EXPECT_TRUE(verify_secret(hash_key("token"), "token"));
  EXPECT_FALSE(verify_secret(hash_key("token"), "Token"));
  const auto decoy = decoy_password_hash(random);
  EXPECT_TRUE(is_hashed_secret(decoy));
  EXPECT_FALSE(verify_secret(decoy, ""));
}

TEST(Config, KeysOfApiUsersAreDrawn) {
  auto store = ConfigStore::in_memory(gateway_schema());
  SeededRandom random(1);
  const auto token = generate_api_key(*store, "ansible", random);
  ASSERT_TRUE(token);
  EXPECT_GE(token->size(), 32u);
  EXPECT_TRUE(verify_secret(store->current()->entries("system api-user").front().text("api-key"), *token));
  EXPECT_FALSE(generate_api_key(*store, "", random));
  // A password's hash would cost every request what signing in costs.
  auto t = store->begin();
  ASSERT_TRUE(t.set({{"system api-user", "ansible"}}, "api-key", {hash_password("mine", random)}));
  const auto refused = store->commit(t);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("generate-key ansible"));
}

}  // namespace
}  // namespace postern::gateway::config
