// Lines, words and values as administrators type them.
#include <gmock/gmock.h>

#include "gateway/config/editor.h"
#include "gateway/config/schema.h"
#include "gateway/config/store.h"
#include "gateway/config/text.h"

namespace postern::gateway::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(ConfigWords, AHostWithTheMaskOfItsNetworkIsNotMadeTheNetwork) {
  const Attribute* subnet = gateway_schema().table("firewall address")->attribute("subnet");
  for (const Value& words :
       {Value{"10.0.2.20/24"}, Value{"10.0.2.20", "255.255.255.0"}, Value{"10.0.2.20 255.255.255.0"}}) {
    const auto refused = subnet->normalise(words);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().message,
              "subnet: 10.0.2.20 with the mask of /24 could mean one host or its network: write 10.0.2.20/32 for this "
              "host alone, or 10.0.2.0/24 for the network");
  }
  const auto v6 = subnet->normalise({"2001:DB8::1/32"});
  ASSERT_FALSE(v6);
  EXPECT_NE(v6.error().message.find("2001:db8::1/128 for this host alone, or 2001:db8::/32 for"), std::string::npos);
}

TEST(ConfigWords, ValuesHaveOneForm) {
  const Table* address = gateway_schema().table("firewall address");
  const auto subnet = [&](Value words) {
    const auto r = address->attribute("subnet")->normalise(words);
    return r ? r->front() : "refused";
  };
  EXPECT_EQ(subnet({"10.0.1.0/24"}), "10.0.1.0 255.255.255.0");
  EXPECT_EQ(subnet({"10.0.1.0", "255.255.255.0"}), "10.0.1.0 255.255.255.0");
  EXPECT_EQ(subnet({"10.0.1.7"}), "10.0.1.7 255.255.255.255");
  EXPECT_EQ(subnet({"0.0.0.0/0"}), "0.0.0.0 0.0.0.0");
  EXPECT_EQ(subnet({"2001:DB8::/32"}), "2001:db8::/32");
  EXPECT_EQ(subnet({"2001:db8::", "255.0.0.0"}), "refused");
  const Table* fctems = gateway_schema().table("endpoint-control fctems");
  const std::string digits(64, 'a');
  EXPECT_EQ(fctems->attribute("certificate-fingerprint")->normalise({digits})->front().substr(0, 8), "AA:AA:AA");
  EXPECT_FALSE(fctems->attribute("certificate-fingerprint")->normalise({digits + "a"}));
  EXPECT_EQ(fctems->attribute("https-port")->normalise({"0443"})->front(), "443");
  EXPECT_FALSE(fctems->attribute("name")->normalise({"a\nb"}));
  EXPECT_FALSE(fctems->attribute("name")->normalise({"\xc3"}));
}

TEST(ConfigWords, WordsMayBeQuotedAndGoOverLines) {
  EXPECT_THAT(split_words("set a \"b c\" 'd\"e' f\\g \"h\\\"i\\\\\"").words,
              ElementsAre("set", "a", "b c", "d\"e", "f\\g", "h\"i\\"));
  WordSplitter s;
  s.feed("set pem \"one");
  EXPECT_TRUE(s.words().open);
  s.feed("two\"");
  EXPECT_FALSE(s.words().open);
  EXPECT_THAT(s.words().words, ElementsAre("set", "pem", "one\ntwo"));
  for (const std::string_view word : {"", "a b", "a\"b", "\\", "a\nb", "plain"}) {
    EXPECT_THAT(split_words(quote_word(word)).words, ElementsAre(std::string(word)));
  }
}

TEST(ConfigWords, WordsMayBeShortened) {
  auto store = ConfigStore::in_memory(gateway_schema());
  Editor editor(gateway_schema());
  auto t = store->begin();
  const auto run = [&](const char* line) -> std::string {
    const auto outcome = editor.run(t, split_words(line).words);
    return outcome ? "ok" : outcome.error().message;
  };
  EXPECT_EQ(run("conf end fct"), "ok");
  EXPECT_EQ(run("ed 1"), "ok");
  EXPECT_EQ(run("set serv ems.example"), "ok");
  EXPECT_THAT(run("set s enable"), HasSubstr("may be status, server, serial-number"));
  EXPECT_EQ(run("set status en"), "ok");
  EXPECT_EQ(run("end"), "ok");
  editor.leave_all();
  EXPECT_EQ(run("config firewall access-proxy"), "ok");  // although another table's name begins so
  editor.leave_all();
  EXPECT_EQ(run("config system admin"), "ok");
  EXPECT_EQ(run("edit root"), "ok");
  const auto secret = [&](const char* line) { return editor.clear_secret(split_words(line).words); };
  EXPECT_EQ(secret("se pas hunter2"), 2u);
  EXPECT_FALSE(secret("set comments hunter2"));
  EXPECT_FALSE(secret("unset password"));
  EXPECT_THAT(run("set password hunter2"), HasSubstr("that is not allowed"));  // hashes only
  editor.leave_all();
  EXPECT_EQ(run("config firewall policy"), "ok");
  EXPECT_EQ(run("edit 0"), "ok");
  EXPECT_EQ(run("append srcintf port1 port2"), "ok");
  EXPECT_EQ(run("unselect srcintf port1"), "ok");
  EXPECT_THAT(run("unselect srcintf port2"), HasSubstr("srcintf: that is the last one, and it can't be without any"));
  EXPECT_EQ(run("append ztna-ems-tag EMS1_ZTNA_x"), "ok");
  editor.leave_all();
  EXPECT_EQ(run("config firewall proxy-policy"), "ok");
  EXPECT_EQ(run("edit 1"), "ok");
  EXPECT_EQ(run("append srcaddr x"), "ok");
  EXPECT_THAT(t.tree().find({{"firewall proxy-policy", "1"}})->values.at("srcaddr"), ElementsAre("all", "x")) << "no less than before";
  editor.leave_all();
  EXPECT_EQ(run("config firewall policy"), "ok");
  EXPECT_EQ(run("edit 1"), "ok");
  EXPECT_THAT(run("unselect ztna-ems-tag EMS1_ZTNA_x"), HasSubstr("a list without any would ask for no tag; if that is meant: unset"));
  EXPECT_THAT(t.tree().find({{"firewall policy", "1"}})->values.at("srcintf"), ElementsAre("port2"));
  // A number is not used again while a larger one is there.
  editor.leave_all();
  ASSERT_TRUE(t.edit({{"firewall access-proxy", "p"}}));
  for (const char* line : {"config firewall access-proxy", "edit p", "config api-gateway", "edit 0", "next", "edit 0", "next",
                           "edit 0", "next", "delete 2", "edit 0", "next"}) {
    EXPECT_EQ(run(line), "ok") << line;
  }
  EXPECT_NE(t.tree().find({{"firewall access-proxy", "p"}, {"api-gateway", "4"}}), nullptr);
  EXPECT_EQ(t.tree().find({{"firewall access-proxy", "p"}, {"api-gateway", "2"}}), nullptr);
  for (const char* line : {"edit 65535", "next"}) EXPECT_EQ(run(line), "ok");
  EXPECT_THAT(run("edit 0"), HasSubstr("none is free"));
}

}  // namespace
}  // namespace postern::gateway::config
