// `?`, Tab, `tree`, `get` and filters, over a session with the reference configuration.
#include "gateway/cli/candidates.h"

#include <gmock/gmock.h>

#include "gateway/cli/session_lab.h"

namespace postern::gateway::cli {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

class CandidatesTest : public SessionLab {
 protected:
  std::vector<std::string> words(std::string_view line) {
    std::vector<std::string> out;
    for (const auto& c : session->help(line)) out.push_back(c.word);
    return out;
  }
  std::string help_of(std::string_view line, std::string_view word) {
    for (const auto& c : session->help(line)) {
      if (c.word == word) return c.help;
    }
    return "(is not there)";
  }
};

TEST_F(CandidatesTest, AValueIsToldWithWhatHoldsAndWithTheDefault) {
  out("config endpoint-control fctems");
  out("edit 1");
  EXPECT_EQ(help_of("set https-port ", "<value>"), "a whole number from 1 to 65535; now 8443; default 443");
  EXPECT_EQ(help_of("set call-timeout ", "<value>"), "a whole number from 1 to 180; now 30, the default");
  EXPECT_THAT(help_of("set status ", "enable"), HasSubstr("(now)"));
  EXPECT_THAT(help_of("set status ", "disable"), HasSubstr("(default)"));
  EXPECT_THAT(help_of("set capabilities ", "<value>"), HasSubstr("can't be set"));
  out("set https-port 444");
  EXPECT_THAT(help_of("set https-port ", "<value>"), HasSubstr("now 444")) << "what is staged counts";
  out("abort");
  out("config system admin");
  out("edit root");
  EXPECT_THAT(help_of("set password ", "<value>"), AllOf(HasSubstr("one is set"), Not(HasSubstr("ENC"))));
}

TEST_F(CandidatesTest, OfferOnlyWhatTheCommandTakes) {
  out("config firewall proxy-policy");
  out("edit 1");
  EXPECT_THAT(words("append "), AllOf(testing::Contains("srcaddr"), Not(testing::Contains("action"))));
  EXPECT_THAT(words("unselect srcaddr "), ElementsAre("lan", "lan6"));
  EXPECT_THAT(words("unset srcaddr "), IsEmpty());
  EXPECT_THAT(words("set srcaddr lan l"), testing::Contains("lan6"));
  EXPECT_THAT(words("set action accept "), IsEmpty());
  out("next");
  EXPECT_THAT(words("move 2 "), ElementsAre("before", "after"));
  EXPECT_THAT(words("move 2 after "), ElementsAre("2", "1"));
  EXPECT_THAT(words("rename 2 to "), ElementsAre("<policyid>"));
}

TEST_F(CandidatesTest, ArgumentsAreCompletedFromTheirTable) {
  EXPECT_THAT(words("execute fctems verify "), ElementsAre("1", "<id>"));
  EXPECT_THAT(words("execute api-user generate-key a"), ElementsAre("ansible", "<name>"));
  EXPECT_THAT(words("execute fctems verify 1 "), ElementsAre("[sha256]"));
}

TEST_F(CandidatesTest, NamesMayHaveBegunWithAQuote) {
  EXPECT_THAT(words("show firewall vip \"fr"), ElementsAre("front"));
  EXPECT_THAT(words("show firewall vip 'fr"), ElementsAre("front"));
  EXPECT_THAT(words("show firewall vip \"x"), IsEmpty());
}

TEST_F(CandidatesTest, FiltersAreCompleted) {
  EXPECT_THAT(words("show | "), ElementsAre("grep"));
  EXPECT_THAT(words("show | grep -"), ElementsAre("-i", "-v", "-n", "-c", "-f", "<text>"));
  EXPECT_THAT(words("config | "), IsEmpty());
  EXPECT_THAT(out("show | ?"), StartsWith("grep"));
}

TEST_F(CandidatesTest, OutputIsFiltered) {
  EXPECT_EQ(out("show system global | grep hostname"), "    set hostname \"gw1\"\n");
  EXPECT_EQ(out("get system status | grep -c Hostname"), "1\n");
  EXPECT_THAT(out("diagnose endpoint ec-shm list | grep \"Host Name\""), "Host Name: WIN10-01\n");
  EXPECT_THAT(out("show | sort"), StartsWith("error: \"sort\" can't stand behind |"));
  EXPECT_THAT(out("show nonsense | grep x"), StartsWith("error: ")) << "an error is not filtered";
  EXPECT_THAT(out("show"), HasSubstr("config firewall vip\n")) << "and the next command is not either";
  // In a value it is a character.
  out("config firewall vip");
  out("edit front");
  EXPECT_EQ(out("set comment a|b"), "");
  EXPECT_EQ(out("set comment \"x | grep y\""), "");
  EXPECT_THAT(out("show | grep comment"), HasSubstr("set comment \"x | grep y\""));
  out("abort");
}

TEST_F(CandidatesTest, GetAloneListsWhatThereIsToGet) {
  EXPECT_THAT(out("get"), AllOf(StartsWith("get system status\n"), HasSubstr("get system global\n"), HasSubstr("get firewall vip\n")));
}

TEST_F(CandidatesTest, TreePrintsWhatCanBeConfigured) {
  const auto all = out("tree");
  for (const auto& table : store->current()->schema().root().tables) {
    EXPECT_THAT("\n" + all, HasSubstr("\n" + table.name + "\n"));
    for (const auto& a : table.attributes) EXPECT_THAT(all, HasSubstr("|- " + a.name + " (")) << table.name;
  }
  EXPECT_THAT(out("tree system console"), "system console\n|- output (standard|more)\n");
  EXPECT_THAT(out("tree firewall access-proxy"),
              AllOf(StartsWith("firewall access-proxy\n|- *name ("), HasSubstr("+- api-gateway\n    |- *id (1..65535)\n")));
  EXPECT_THAT(out("tree nothing"), HasSubstr("\"nothing\" is not known here"));
  EXPECT_THAT(out("tree system global x"), HasSubstr("\"x\" is too much behind system global"));
  out("config firewall access-proxy");
  out("edit web");
  out("config api-gateway");
  EXPECT_THAT(out("tree"), StartsWith("api-gateway\n|- *id (1..65535)\n"));
  EXPECT_THAT(out("show full-configuration"), HasSubstr("set url-map"));
}

TEST_F(CandidatesTest, LinesWithSecretsAreSaidToBe) {
  out("config system admin");
  out("edit eve");
  EXPECT_TRUE(feed("set password \"correct horse\"")->secret);
  EXPECT_TRUE(feed("set passwort \"correct horse\"")->secret) << "mistyped, it is none the less";
  EXPECT_TRUE(feed("set x \"correct horse\"")->secret);
  EXPECT_TRUE(feed("set comments \"open")->secret) << "part of a longer text";
  EXPECT_TRUE(feed("end\"")->secret);
  EXPECT_FALSE(feed("set comments plain")->secret);
  EXPECT_FALSE(feed("show")->secret);
  out("abort");
  EXPECT_TRUE(feed("set password \"correct horse\"")->secret) << "in the wrong place";
  EXPECT_FALSE(feed("config system admin")->secret);
}

TEST_F(CandidatesTest, WhatRunsCanBeGivenUp) {
  std::optional<Reply> reply;
  session->feed("execute fctems verify 1", [&](Reply r) { reply = std::move(r); });
  ASSERT_FALSE(reply);
  session->cancel();
  ASSERT_TRUE(reply);
  EXPECT_THAT(reply->error, HasSubstr("given up"));
  operations.presenting.at(0)(PresentedCertificate{});
  EXPECT_TRUE(operations.accepted.empty());
  // So is a password that is being hashed, a question, and a quote.
  EXPECT_TRUE(feed("show \"x")->more);
  session->cancel();
  EXPECT_EQ(session->prompt(), "gw1 # ");
  out("execute fctems verify 1");
  operations.presenting.at(1)(PresentedCertificate{});
  session->cancel();
  EXPECT_THAT(out("y"), HasSubstr("unknown command \"y\"")) << "it answers nothing any more";
}

TEST(FormatHelp, GoesOnBelowItself) {
  const std::vector<Candidate> list = {{"word", "some help that is long and goes on"}, {"w", ""}};
  EXPECT_EQ(format_help(list), "word  some help that is long and goes on\nw\n");
  EXPECT_EQ(format_help(list, 30), "word  some help that is long\n      and goes on\nw\n");
}

}  // namespace
}  // namespace postern::gateway::cli
