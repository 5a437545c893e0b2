// `execute import fortios`: pasted line by line and answered, as people and scripts do.
#include <gmock/gmock.h>

#include <cstdio>
#include <fstream>

#include "base/text.h"
#include "gateway/cli/session_lab.h"
#include "gateway/config/text.h"

namespace postern::gateway::cli {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kPasted[] = {"FGT-1 # show firewall address", "config firewall address", "    edit \"printers\"",
                                   "        set subnet 10.0.9.3 255.255.255.0", "        set comment \"what? two",
                                   "lines\"", "    next", "end", ""};

class ImportCommand : public SessionLab {
 protected:
  /// What is said behind the line that ends the text.
  std::string paste(std::string_view command) {
    EXPECT_EQ(out(command), "Paste the configuration. A line with a single dot ends it.\n");
    for (const char* line : kPasted) {
      EXPECT_EQ(session->prompt(), "> ");
      const auto reply = feed(line);
      EXPECT_TRUE(reply && reply->more && reply->output.empty() && reply->ok());
    }
    return out(" . ");
  }
  std::string shown() { return out("show firewall address"); }
};

TEST_F(ImportCommand, ReportsAndAsks) {
  const auto report = paste("execute import fortios");
  EXPECT_THAT(report, HasSubstr("     4  taken as          set subnet 10.0.9.3 255.255.255.0\n"
                                "                  = set subnet \"10.0.9.0 255.255.255.0\"\n"));
  EXPECT_THAT(report, HasSubstr("9 lines: "));
  EXPECT_THAT(report, HasSubstr("+     edit \"printers\"\n+         set subnet 10.0.9.0 255.255.255.0\n"));
  EXPECT_THAT(report, EndsWith("\n\nTake this over (1 added, 0 changed, 0 left out, 0 with status disable)? (y/n) "));
  EXPECT_EQ(shown(), "Nothing was taken over.\n");  // it was the answer, and no yes
  EXPECT_THAT(shown(), Not(HasSubstr("printers")));
}

TEST_F(ImportCommand, YesCommitsAtOnce) {
  paste("execute import fortios");
  const auto revision = store->current()->revision();
  EXPECT_EQ(out("y"), "Taken over: 1 added, 0 changed.\n");
  EXPECT_EQ(store->current()->revision(), revision + 1);
  EXPECT_THAT(shown(), HasSubstr("edit \"printers\""));
  // A script that answers, as it had to the first time, goes through.
  EXPECT_THAT(paste("execute import fortios"), EndsWith("\nNothing changes.\n\nGo on? (y/n) "));
  EXPECT_EQ(out("y"), "Nothing was changed.\n");
  EXPECT_EQ(store->current()->revision(), revision + 1);
  EXPECT_THAT(session->prompt(), Not(testing::Eq("> ")));
}

TEST_F(ImportCommand, CheckChangesAndAsksNothing) {
  EXPECT_THAT(paste("execute import fortios check"), EndsWith("\nThis was a check: nothing was changed.\n"));
  EXPECT_THAT(shown(), Not(HasSubstr("printers")));
}

TEST_F(ImportCommand, ChangesMeanwhileAreNotLost) {
  paste("execute import fortios");
  auto t = store->begin();
  ASSERT_TRUE(config::apply_text(t, "config firewall address\nedit mine\nset subnet 10.0.8.0/24\nnext\nend\n"));
  ASSERT_TRUE(store->commit(t));
  EXPECT_THAT(out("yes"), EndsWith("(nothing was taken over)"));
  EXPECT_THAT(shown(), HasSubstr("mine"));
}

TEST_F(ImportCommand, WhatWasReportedIsWhatIsTaken) {
  paste("execute import fortios");
  auto t = store->begin();
  ASSERT_TRUE(config::apply_text(t, "config system global\nset hostname other\nend\n"));
  ASSERT_TRUE(store->commit(t));
  EXPECT_THAT(out("yes"), HasSubstr("changed by somebody else since this was reported; look again (nothing was taken over)"));
  EXPECT_THAT(shown(), Not(HasSubstr("printers")));
}

TEST_F(ImportCommand, FilesAreReadOnTheGatewaysMachine) {
  const std::string path = testing::TempDir() + "/import_test_fortios.conf";
  {
    std::ofstream file(path);
    for (const char* line : kPasted) file << line << "\r\n";
  }
  EXPECT_THAT(out("execute import fortios check file " + path), EndsWith("nothing was changed.\n"));
  EXPECT_THAT(out("execute import fortios file " + path), EndsWith("(y/n) "));
  EXPECT_EQ(out("n"), "Nothing was taken over.\n");
  EXPECT_THAT(out("execute import fortios file relative.conf"), HasSubstr("error: the path is not absolute"));
  EXPECT_THAT(out("execute import fortios file /nowhere/at/all"), HasSubstr("error: "));
  std::ofstream(path) << "root:x:0:0:secret\n";
  EXPECT_THAT(out("execute import fortios file " + path), HasSubstr("error: no line begins with config"));
  std::remove(path.c_str());
}

TEST_F(ImportCommand, WhatTheGatewayWouldRefuseIsSaidBeforeItIsAsked) {
  store->add_check([](const config::ConfigTree&) -> Status { return fail(ErrorCode::kConflict, "port 1 is taken"); });
  int held = 0;
  store->add_reservation([&](const config::ConfigTree&) -> Status {
    ++held;
    return {};
  });
  for (const char* command : {"execute import fortios", "execute import fortios check"}) {
    paste(command);
    EXPECT_THAT(last->value().output, HasSubstr("9 lines: "));
    EXPECT_THAT(last->value().error, HasSubstr("as it stands, this can't be taken over: port 1 is taken (nothing was changed"));
    EXPECT_THAT(shown(), Not(HasSubstr("printers")));
  }
  EXPECT_EQ(held, 0);
}

}  // namespace
}  // namespace postern::gateway::cli
