// Texts that are taken whole or not at all, over a session.
#include "gateway/cli/script.h"

#include <gmock/gmock.h>

#include "base/text.h"
#include "gateway/cli/session_lab.h"
#include "gateway/config/text.h"

namespace postern::gateway::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

class ScriptTest : public SessionLab {
 protected:
  /// What is told of the text: a message per wrong line, and the verdict.
  std::vector<std::string> run(std::string_view text) {
    std::vector<std::string> told;
    printed.clear();
    const auto take = [&](Reply reply) {
      printed += reply.output;
      for (auto& fault : reply.faults) told.push_back(std::move(fault));
      if (!reply.ok()) told.push_back(std::move(reply.error));
    };
    if (text.ends_with('\n')) text.remove_suffix(1);
    for (const auto line : split(text, '\n')) session->feed_script(line, take);
    session->end_script(take);
    EXPECT_THAT(session->prompt(), Not(HasSubstr("("))) << "the text is done with";
    EXPECT_FALSE(session->has_staged_changes());
    return told;
  }
  std::string shown() const { return config::print_tree(*store->current()); }

  std::string printed;
};

TEST_F(ScriptTest, TakesAllBlocksAtOnce) {
  int commits = 0;
  store->observe([&](const auto&, const auto&) { ++commits; });
  EXPECT_THAT(run("config system global\n  set hostname other\nend\n"
                  "# a remark\n\n"
                  "config firewall access-proxy\nedit second\nset vip later\nnext\nend\n"  // named before it is there
                  "config firewall vip\nedit later\nset extport 9444\nnext\nend\n"),
              IsEmpty());
  EXPECT_EQ(commits, 1);
  EXPECT_THAT(shown(), testing::AllOf(HasSubstr("hostname \"other\""), HasSubstr("edit \"second\"")));
}

TEST_F(ScriptTest, AByteOrderMarkInFrontIsNoPartOfTheText) {
  EXPECT_THAT(run("\xEF\xBB\xBF" "config system global\n  set hostname other\nend\n"), IsEmpty());
  EXPECT_THAT(shown(), HasSubstr("hostname \"other\""));
}

TEST_F(ScriptTest, WhatIsToldIsOneLineWhateverStoodInTheText) {
  const auto told = run(std::string_view("config firewall address\nedit \"a\0b\"\nend\nx\0y\n", 42));
  for (const auto& line : told) EXPECT_EQ(line.find('\0'), line.npos) << line;
  EXPECT_THAT(told.at(0), HasSubstr("line 2: firewall address a b: name: \"a b\" is not allowed"));
}

TEST_F(ScriptTest, EachWrongLineIsToldAndNothingIsChanged) {
  const auto before = shown();
  const auto told = run(
      "config system global\n"
      "    set hostname other\n"
      "    set management-port 70000\n"
      "end\n"
      "config endpoint-control fctems\n"
      "    edit 2\n"
      "        set call-timeout never\n"
      "        set status maybe\n"
      "        set colour red\n"
      "    next\n"
      "end\n"
      "config firewall proxy-policy\n"
      "    edit 5\n"
      "        set access-proxy nobody\n"
      "    next\n"
      "end\n");
  ASSERT_EQ(told.size(), 6u) << testing::PrintToString(told);
  EXPECT_THAT(told[0], testing::AllOf(StartsWith("line 3: "), HasSubstr("\"70000\""), HasSubstr("1 to 65535")));
  EXPECT_THAT(told[1], testing::AllOf(StartsWith("line 7: "), HasSubstr("\"never\""), HasSubstr("1 to 180")));
  EXPECT_THAT(told[2], testing::AllOf(StartsWith("line 8: "), HasSubstr("\"maybe\""), HasSubstr("enable or disable")));
  EXPECT_THAT(told[3], testing::AllOf(StartsWith("line 9: "), HasSubstr("colour"), HasSubstr("allowed: status")));
  EXPECT_EQ(told[4], "line 14: firewall proxy-policy 5: access-proxy: there is no \"nobody\" in firewall access-proxy");
  EXPECT_EQ(told[5], "5 lines are wrong: nothing was changed");
  EXPECT_EQ(shown(), before);
}

TEST_F(ScriptTest, ABlockThatBeginsWrongIsNotJudged) {
  auto told = run(
      "config firewall vib\nedit x\nconfig deeper\nset a b\nend\nset extport 1\nnext\nend\n"
      "config firewall vip\nedit \"\"\nset extport 99999\nnext\nedit y\nset extport 99999\nnext\nend\n");
  ASSERT_EQ(told.size(), 4u) << testing::PrintToString(told);
  EXPECT_THAT(told[0], StartsWith("line 1: \"vib\" is not known here; allowed: "));
  EXPECT_THAT(told[1], StartsWith("line 10: "));
  EXPECT_THAT(told[2], StartsWith("line 14: firewall vip y: extport: \"99999\""));
  EXPECT_EQ(told[3], "3 lines are wrong: nothing was changed; 9 lines are in blocks that begin wrong and not judged");
  // The same where the word itself is mistyped.
  told = run("confug firewall vip\nedit x\nset extport 1\nnext\nend\nconfig system global\nset admin-sport x\nend\n");
  ASSERT_EQ(told.size(), 3u) << testing::PrintToString(told);
  EXPECT_THAT(told[0], StartsWith("line 1: unknown command \"confug\""));
  EXPECT_THAT(told[1], StartsWith("line 7: "));
  told = run("config firewall vip\nedti x\nset extport 1\nnext\nedit y\nset extport 0\nend\n");
  ASSERT_EQ(told.size(), 3u) << testing::PrintToString(told);
  EXPECT_THAT(told[0], StartsWith("line 2: unknown command \"edti\""));
  EXPECT_THAT(told[1], StartsWith("line 6: "));
}

TEST_F(ScriptTest, AnEntryThatLacksSomethingIsToldWhereItEnds) {
  const auto told = run(
      "config firewall access-proxy\nedit a\nnext\nedit b\nset vip front\nset vip front\nset client-cert what\nend\n"
      "config firewall access-proxy\nedit c\nend\n");
  ASSERT_EQ(told.size(), 4u) << testing::PrintToString(told);
  EXPECT_THAT(told[0], StartsWith("line 3: firewall access-proxy a: vip: is missing"));
  EXPECT_THAT(told[1], StartsWith("line 7: firewall access-proxy b: client-cert: \"what\""));
  EXPECT_THAT(told[2], StartsWith("line 11: firewall access-proxy c: vip: is missing"));
}

TEST_F(ScriptTest, WhatFollowsFromAWrongLineIsNotToldAgain) {
  const auto told = run(
      "config firewall access-proxy\nedit a\nset vip \"\"\nset client-cert x\nnext\nedit b\nset client-cert x\nnext\nend\n");
  ASSERT_EQ(told.size(), 5u) << testing::PrintToString(told);
  EXPECT_THAT(told[0], StartsWith("line 3: firewall access-proxy a: vip: "));
  EXPECT_THAT(told[1], StartsWith("line 4: "));
  EXPECT_THAT(told[2], StartsWith("line 7: "));
  EXPECT_THAT(told[3], StartsWith("line 8: firewall access-proxy b: vip: is missing"));
  EXPECT_EQ(told[4], "4 lines are wrong: nothing was changed");
}

TEST_F(ScriptTest, OtherCommandsPutInForceWhatStandsBeforeThem) {
  EXPECT_THAT(run("config system global\nset hostname one\nend\nshow system global | grep hostname\n"
                  "config system global\nset hostname two\nshow | grep hostname\nend\nget system status | grep -c Hostname\n"),
              IsEmpty());
  EXPECT_EQ(printed, "    set hostname \"one\"\n    set hostname \"two\"\n1\n");
  const auto told = run(
      "config system global\nset hostname three\nend\nshow system global\n"
      "config system global\nset hostname four\nset admin-sport x\nend\nshow system global\n");
  ASSERT_EQ(told.size(), 2u) << testing::PrintToString(told);
  EXPECT_EQ(told[1], "1 line is wrong: lines 1 to 4 were carried out, nothing behind them was changed; no command behind "
                     "line 7 was run");
  EXPECT_THAT(printed, testing::AllOf(HasSubstr("three"), Not(HasSubstr("four"))));
  EXPECT_THAT(shown(), HasSubstr("hostname \"three\""));
}

TEST_F(ScriptTest, BehindAWrongLineNothingIsExecutedAndItsAnswersAreNoLines) {
  const auto told = run("config system global\nset admin-sport x\nend\nexecute fctems verify 1\ny\nand more\n");
  ASSERT_EQ(told.size(), 2u) << testing::PrintToString(told);
  EXPECT_THAT(told[0], StartsWith("line 2: "));
  EXPECT_EQ(told[1], "1 line is wrong: nothing was changed; no command behind line 2 was run; line 4 and what follows it "
                     "was not looked at");
  EXPECT_TRUE(operations.presenting.empty());
}

TEST_F(ScriptTest, ACommandThatFailsLeavesWhatStoodBeforeIt) {
  const auto told =
      run("config system global\nset hostname five\nend\nexecute fctems is-verified 6\n"
          "config system global\nset hostname six\nend\n");
  ASSERT_EQ(told.size(), 2u) << testing::PrintToString(told);
  EXPECT_THAT(told[0], StartsWith("line 4: EMS 6 is not configured"));
  EXPECT_EQ(told[1], "1 line is wrong: lines 1 to 3 were carried out, nothing behind them was changed");
  EXPECT_THAT(shown(), HasSubstr("hostname \"five\""));
}

TEST_F(ScriptTest, AQuestionIsAnsweredByTheNextLine) {
  std::vector<std::string> told;
  const auto take = [&](Reply reply) {
    printed += reply.output;
    if (!reply.ok()) told.push_back(reply.error);
  };
  session->feed_script("execute fctems verify 1", take);
  operations.presenting.at(0)(PresentedCertificate{});
  EXPECT_THAT(printed, HasSubstr("(y/n) "));
  session->feed_script("n", take);
  session->feed_script("config system global", take);
  session->feed_script("set hostname seven", take);
  session->feed_script("end", take);
  session->end_script(take);
  EXPECT_THAT(told, IsEmpty());
  EXPECT_THAT(shown(), HasSubstr("hostname \"seven\""));
  session->feed_script("execute fctems verify 1", take);
  operations.presenting.at(1)(PresentedCertificate{});
  Reply last;
  session->end_script([&](Reply reply) { last = reply; });
  EXPECT_THAT(last.faults, ElementsAre(HasSubstr("line 1: the command waits for an answer")));
  EXPECT_TRUE(operations.accepted.empty());
}

TEST_F(ScriptTest, AbortDropsItsBlockAlone) {
  EXPECT_THAT(run("config system global\nset hostname eight\nend\nconfig firewall vip\nedit x\nnext\nedit y\nabort\n"
                  "config system global\nset management-port 444\nend\n"),
              IsEmpty());
  EXPECT_THAT(shown(), testing::AllOf(HasSubstr("hostname \"eight\""), HasSubstr("management-port 444"),
                                      Not(HasSubstr("edit \"x\""))));
  EXPECT_THAT(run("config firewall vip\nedit x\nnext\nabort\n"), IsEmpty());
  EXPECT_THAT(shown(), Not(HasSubstr("edit \"x\"")));
}

TEST_F(ScriptTest, WhatIsNotCompleteIsToldAndDropped) {
  EXPECT_THAT(run("config system global\nset hostname nine\n"),
              ElementsAre("line 2: the text ends inside system global (end is missing)",
                          "1 line is wrong: nothing was changed"));
  EXPECT_THAT(run("config system global\nset hostname \"nine\nend\n"),
              ElementsAre("line 2: the quote is never closed", "1 line is wrong: nothing was changed"));
  EXPECT_THAT(shown(), Not(HasSubstr("nine")));
}

TEST_F(ScriptTest, WhatOnlyTheWholeShowsNamesItsLine) {
  const auto told = run("config system global\nset hostname ten\nend\nconfig firewall vip\ndelete front\nend\n");
  ASSERT_EQ(told.size(), 2u) << testing::PrintToString(told);
  EXPECT_THAT(told[0], StartsWith("line 5: firewall vip front: is used by firewall access-proxy web (vip)"));
  EXPECT_THAT(shown(), Not(HasSubstr("\"ten\"")));
}

TEST_F(ScriptTest, EndlessNonsenseIsGivenUp) {
  std::string text;
  for (int i = 0; i < 300; ++i) text += "nonsense\n";
  const auto told = run(text);
  ASSERT_EQ(told.size(), Script::kMaxWrong + 1);
  EXPECT_EQ(told.back(), "200 lines are wrong: nothing was changed; line 201 and what follows it was not looked at");
}

TEST_F(ScriptTest, PasswordsAreHashedOnTheirWay) {
  EXPECT_THAT(run("config system admin\nedit eve\nset password \"correct horse\"\nnext\nend\n"), IsEmpty());
  EXPECT_EQ(operations.offloaded, 1);
  EXPECT_THAT(shown(), testing::AllOf(HasSubstr("edit \"eve\""), Not(HasSubstr("correct horse"))));
  EXPECT_THAT(run("config system admin\nedit eve\nset password short\nnext\nend\n"),
              ElementsAre(HasSubstr("line 3: system admin eve: password: must be 12"), HasSubstr("nothing was changed")));
}

// The reference configuration holds every table (config_test.cc sees to that).
TEST_F(ScriptTest, WhatShowPrintsPastedBackIsTheSame) {
  const auto before = out("show");
  std::string wipe;
  const auto& tables = store->current()->schema().root().tables;
  for (const auto& table : tables) {
    EXPECT_THAT(before, HasSubstr("config " + table.name + "\n")) << "tests/golden/gateway-config.txt lacks this table";
    if (table.name == "system admin") continue;  // somebody must be able to sign in
    wipe += "config " + table.name + "\n";
    if (table.single()) {
      for (const auto& a : table.attributes) {
        if (!a.read_only) wipe += "unset " + a.name + "\n";
      }
    } else {
      wipe += "purge\n";
    }
    wipe += "end\n";
  }
  EXPECT_THAT(run(wipe), IsEmpty());
  EXPECT_THAT(out("show"), testing::AllOf(StartsWith("config system admin\n"), Not(HasSubstr("firewall"))));
  EXPECT_THAT(run(before), IsEmpty());
  EXPECT_EQ(out("show"), before);
}

}  // namespace
}  // namespace postern::gateway::cli
