// History, backups and two administrators, at the command line.
#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>

#include "base/file.h"
#include "base/text.h"
#include "gateway/cli/session_lab.h"
#include "gateway/cli/user_name.h"
#include "gateway/config/text.h"

namespace postern::gateway::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class RevisionCommandsTest : public SessionLab {
 protected:
  void SetUp() override {
    session.reset();
    store = config::ConfigStore::in_memory(config::gateway_schema(), &clock);
    session = std::make_unique<CliSession>(*store, operations, random, "ann");
    other = std::make_unique<CliSession>(*store, operations, random, "bob");
    directory = std::filesystem::temp_directory_path() / ("postern-backup-" + std::to_string(::getpid()));
    std::filesystem::remove_all(directory);
    std::filesystem::create_directories(directory);
    lines({"config system admin", "edit admin", "set password \"ENC argon2id$Wnb5Tvf6WLPSLEhPlj1cRw$N0CUh3v7iLMzAc60Y5qIU7R6d6kB4l53zcUtNUFmBb0\"", "next", "end"});
    lines({"config firewall vip", "edit web", "set extport 8443", "next", "end"});
    clock.advance(std::chrono::minutes(5));
    lines({"config firewall vip", "edit web", "set extport 9443", "next", "edit b", "next", "end"});
  }
  void TearDown() override { std::filesystem::remove_all(directory); }
  void lines(const std::vector<std::string>& all) {
    for (const auto& line : all) ASSERT_EQ(out(line), "") << line;
  }
  void other_lines(const std::vector<std::string>& all) {
    for (const auto& line : all) {
      other->feed(line, [&](Reply r) { EXPECT_TRUE(r.ok()) << line << ": " << r.error; });
    }
  }
  std::string shown() { return out("show firewall vip"); }

  ManualClock clock;
  std::unique_ptr<CliSession> other;
  std::filesystem::path directory;
};

TEST(UserName, IsThatOfTheMachineOrTheNumber) {
  EXPECT_EQ(user_name(0), "root");
  EXPECT_EQ(user_name(3'999'999'999u), "uid 3999999999");
}

TEST_F(RevisionCommandsTest, TheListSaysWhoWhenAndWhat) {
  ASSERT_EQ(out("execute revision comment config 2 \"before the move\""), "");
  EXPECT_EQ(out("execute revision list config"), golden("revision-list.txt"));
  EXPECT_EQ(out("execute revision show config 2"),
            "config system admin\n    edit \"admin\"\n        set password \"ENC argon2id$Wnb5Tvf6WLPSLEhPlj1cRw$N0CUh3v7iLMzAc60Y5qIU7R6d6kB4l53zcUtNUFmBb0\"\n    next\nend\n"
            "config firewall vip\n    edit \"web\"\n        set extport 8443\n    next\nend\n");
  EXPECT_EQ(out("execute revision diff config 2"), golden("revision-diff.txt"));
  EXPECT_EQ(out("execute revision diff config 2 cur"), golden("revision-diff.txt"));
  EXPECT_EQ(out("execute revision diff config 3 3"), "Revisions 3 and 3 are the same.\n");
  EXPECT_THAT(out("execute revision diff config 3 2"), HasSubstr("-    edit \"b\"\n"));
  EXPECT_EQ(out("execute revision diff config 9"),
            "error: there is no revision 9 (kept: 1 to 3; execute revision list config shows them)");
  ASSERT_EQ(out("execute revision delete config 2"), "Revision 2 is deleted.\n");
  EXPECT_THAT(out("execute revision show config 2"), HasSubstr("there is no revision 2 (kept: 1, 3; "));
  EXPECT_THAT(out("execute revision show config x"), HasSubstr("error: \"x\" is not the number of a revision"));
}

TEST_F(RevisionCommandsTest, GoingBackShowsWhatChangesAndAsks) {
  const auto asked = feed("execute revision rollback config 2");
  EXPECT_TRUE(asked->more);
  EXPECT_THAT(asked->output, AllOf(HasSubstr("-    edit \"b\"\n"), HasSubstr("+        set extport 8443\n"),
                                   testing::EndsWith("Go back to revision 2? (y/n) ")));
  EXPECT_EQ(out("n"), "Nothing was changed.\n");
  EXPECT_THAT(shown(), HasSubstr("9443"));
  feed("execute revision rollback config 2");
  EXPECT_EQ(out("y"), "The configuration is that of revision 2 again. It is revision 4 now.\n");
  EXPECT_THAT(shown(), HasSubstr("8443"));
  EXPECT_EQ(store->revisions().find(4)->author, (config::Author{"ann", "rollback", "back to revision 2"}));
  EXPECT_EQ(out("execute revision rollback config 2"), "The configuration in force is the same; nothing is to be done.\n");
  EXPECT_EQ(out("execute revision delete config 3"), "Revision 3 is deleted.\n");
  EXPECT_THAT(out("execute revision delete config 4"), HasSubstr("it stays"));
  // What somebody else commits while the question stands is not overwritten.
  feed("execute revision rollback config 1");
  other_lines({"config system global", "set hostname bobs", "end"});
  EXPECT_THAT(out("y"), HasSubstr("error: the configuration was changed by somebody else"));
  EXPECT_THAT(shown(), HasSubstr("8443"));
}

TEST_F(RevisionCommandsTest, ABackupInAFileComesBack) {
  const auto path = (directory / "gw.backup").native();
  const auto before = out("show");
  EXPECT_THAT(out("execute backup config file " + path), HasSubstr("(revision 3) is kept in"));
  EXPECT_EQ(std::filesystem::status(path).permissions() & std::filesystem::perms::all,
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  EXPECT_EQ(*read_file(path, 1 << 20), out("execute backup config"));
  lines({"config firewall vip", "purge", "end"});
  EXPECT_THAT(out("execute restore config file " + path), HasSubstr("+    edit \"web\"\n"));
  EXPECT_EQ(out("yes"), "The configuration is replaced. It is revision 5 now.\n");
  EXPECT_EQ(out("show"), before);
  EXPECT_EQ(store->revisions().find(5)->author.by, "restore");
  // Another backup may be overwritten, nothing else may.
  EXPECT_THAT(out("execute backup config file " + path), HasSubstr("is kept in"));
  const auto mine = (directory / "mine").native();
  ASSERT_TRUE(write_file_atomic(mine, "precious"));
  EXPECT_THAT(out("execute backup config file " + mine), HasSubstr("exists and is no backup"));
  EXPECT_EQ(*read_file(mine, 100), "precious");
  EXPECT_THAT(out("execute backup config file relative"), HasSubstr("begin with /"));
  EXPECT_THAT(out("execute backup config file " + directory.native()), HasSubstr("error: "));
}

TEST_F(RevisionCommandsTest, ADamagedOrWrongOneChangesNothing) {
  const auto path = (directory / "gw.backup").native();
  auto text = out("execute backup config");
  const auto before = out("show");
  text.resize(text.size() - 5);
  ASSERT_TRUE(write_file_atomic(path, text));
  EXPECT_THAT(out("execute restore config file " + path), AllOf(HasSubstr("cut off"), HasSubstr(path + " force")));
  EXPECT_THAT(out("execute restore config file " + path + " forge"), HasSubstr("allowed: force"));
  ASSERT_TRUE(write_file_atomic(path, "config firewall vip\nedit a\nset extport 0\nset colour red\nnext\nend\n"));
  const auto refused = feed("execute restore config file " + path + " force");
  EXPECT_THAT(refused->output, AllOf(HasSubstr("line 3: firewall vip a: extport: \"0\""), HasSubstr("line 4: "), HasSubstr("colour")));
  EXPECT_EQ(refused->error, "nothing was changed: 2 lines are wrong (above); mend them and do it again");
  EXPECT_EQ(out("show"), before);
  ASSERT_TRUE(write_file_atomic(path, "config firewall vip\nedit a\nset extport 7\nnext\nend\n"));
  EXPECT_THAT(out("execute restore config file " + path + " force"),
              AllOf(HasSubstr("No checksum tells"), HasSubstr("administrators of now stay")));
  EXPECT_THAT(out("y"), HasSubstr("is replaced"));
  EXPECT_EQ(shown(), "config firewall vip\n    edit \"a\"\n        set extport 7\n    next\nend\n");
  EXPECT_THAT(out("show system admin"), HasSubstr("argon2id$Wnb5"));
  EXPECT_THAT(out("execute restore config file /no/such"), HasSubstr("nothing was changed"));
}

TEST_F(RevisionCommandsTest, ABackupMayBePasted) {
  const auto text = out("execute backup config");
  const auto before = out("show");
  lines({"config firewall vip", "purge", "end"});
  EXPECT_TRUE(feed("execute restore config")->more);
  for (const auto line : split(trim(text), '\n')) {
    const auto reply = feed(std::string(line) + "\r");
    EXPECT_TRUE(reply->more && reply->output.empty());
  }
  EXPECT_THAT(out("."), HasSubstr("Replace the whole configuration by it? (y/n) "));
  EXPECT_THAT(out("y"), HasSubstr("is replaced"));
  EXPECT_EQ(out("show"), before);
}

TEST_F(RevisionCommandsTest, AResetAsksAndCanBeTakenBack) {
  const auto before = out("show");
  EXPECT_THAT(out("execute factoryreset"), HasSubstr("execute revision rollback config 3 takes it back"));
  EXPECT_THAT(out("y"), HasSubstr("as that of a new gateway"));
  EXPECT_EQ(out("show"), "config system admin\n    edit \"admin\"\n        set password \"ENC argon2id$Wnb5Tvf6WLPSLEhPlj1cRw$N0CUh3v7iLMzAc60Y5qIU7R6d6kB4l53zcUtNUFmBb0\"\n    next\nend\n");
  feed("execute revision rollback config 3");
  EXPECT_THAT(out("y"), HasSubstr("revision 5"));
  EXPECT_EQ(out("show"), before);
  EXPECT_THAT(out("execute factory-reset"), HasSubstr("(y/n)"));
}

TEST_F(RevisionCommandsTest, TheSecondAtOneTableIsToldAndNothingIsLost) {
  lines({"config firewall vip", "edit web", "set extport 7443", "next", "edit mine", "next"});
  other_lines({"config firewall vip", "edit web", "set extip 10.0.2.254", "set extport 6443", "next", "delete b", "end"});
  const auto told = feed("end");
  EXPECT_EQ(told->output, golden("meanwhile.txt"));
  EXPECT_EQ(told->error, "firewall vip was changed by bob meanwhile (above); nothing is committed yet, and what you changed is "
                         "kept on top of that (show prints both): end commits it, abort drops it");
  EXPECT_TRUE(session->has_staged_changes());
  EXPECT_EQ(store->current()->revision(), 4u);
  EXPECT_EQ(session->prompt(), "machine (vip) # ");
  EXPECT_THAT(out("show"), AllOf(HasSubstr("7443"), HasSubstr("10.0.2.254"), HasSubstr("\"mine\""), Not(HasSubstr("\"b\""))));
  EXPECT_EQ(out("end"), "");
  EXPECT_THAT(shown(), AllOf(HasSubstr("7443"), HasSubstr("10.0.2.254"), HasSubstr("\"mine\""), Not(HasSubstr("\"b\""))));
  EXPECT_EQ(session->prompt(), "machine # ");
}

TEST_F(RevisionCommandsTest, WhoAbortsHasTheOthersAlone) {
  lines({"config firewall vip", "edit web", "set extport 7443", "next"});
  other_lines({"config firewall vip", "edit web", "set extport 6443", "next", "end"});
  EXPECT_FALSE(feed("end")->ok());
  EXPECT_EQ(out("abort"), "");
  EXPECT_THAT(shown(), HasSubstr("6443"));
}

TEST_F(RevisionCommandsTest, AThirdChangeIsToldAgain) {
  lines({"config firewall vip", "edit web", "set extport 7443"});
  other_lines({"config firewall vip", "edit c", "next", "end"});
  EXPECT_FALSE(feed("end")->ok());
  other_lines({"config firewall vip", "edit d", "next", "end"});
  const auto again = feed("end");
  EXPECT_FALSE(again->ok());
  EXPECT_THAT(again->output, AllOf(HasSubstr("edit \"d\""), Not(HasSubstr("edit \"c\""))));
  EXPECT_EQ(out("end"), "");
  EXPECT_EQ(store->current()->entries("firewall vip").size(), 4u);
}

TEST_F(RevisionCommandsTest, WhereOneStandsMayBeGone) {
  lines({"config firewall vip", "edit c", "next", "edit b"});
  other_lines({"config firewall vip", "delete b", "end"});
  EXPECT_FALSE(feed("end")->ok());
  EXPECT_EQ(session->prompt(), "machine (vip) # ");  // b was entered and not changed
  EXPECT_EQ(out("end"), "");
  EXPECT_EQ(store->current()->find({{"firewall vip", "b"}}), nullptr);
}

}  // namespace
}  // namespace postern::gateway::cli
