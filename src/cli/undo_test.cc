// postern undo.
#include <gmock/gmock.h>

#include <boost/json.hpp>

#include "cli/apply_lab.h"

namespace postern::cli {
namespace {

namespace json = boost::json;
using testing::HasSubstr;

TEST_F(Apply, UndoSaysWhoseChangeItIsAndAsks) {
  const auto last = [this](const char* what) {
    lab_.ems.on("GET tags/Compliant/last-change", std::string(R"({"name":"Compliant","revision":7,"at":"2026-11-26T09:58:00.000Z","by":"bob","basis":"0af1","what":")") +
                                                      what + "\"}");
  };
  last("changed");
  lab_.ems.on("POST tags/Compliant/undo", R"({"name":"Compliant","undone_revision":7,"tag":null})");
  lab_.terminal.looks().interactive = true;
  lab_.terminal.answers = {"n"};
  EXPECT_EQ(lab_.run({"undo", "Compliant"}), kFailed);
  EXPECT_EQ(lab_.out(), "Compliant was changed by bob on 26 Nov 2026, 09:58:00 UTC\n");
  EXPECT_THAT(lab_.err(), HasSubstr("nothing was undone"));
  EXPECT_TRUE(lab_.ems.asked("POST tags/Compliant/undo").empty());
  lab_.terminal.answers = {"y"};
  EXPECT_EQ(lab_.run({"undo", "Compliant"}), kDone) << lab_.err();
  ASSERT_EQ(lab_.ems.asked("POST tags/Compliant/undo").size(), 1u);
  EXPECT_EQ(lab_.ems.asked("POST tags/Compliant/undo")[0].body, R"({"revision":7,"basis":"0af1"})");
  // Nobody can be asked.
  lab_.terminal.looks().interactive = false;
  EXPECT_EQ(lab_.run({"undo", "Compliant"}), kDone) << lab_.err();
  last("made");
  EXPECT_EQ(lab_.run({"undo", "Compliant"}), kFailed);
  EXPECT_THAT(lab_.err(), HasSubstr("add --yes"));
  EXPECT_EQ(lab_.run({"undo", "Compliant", "--yes"}), kDone) << lab_.err();
}

TEST_F(Apply, UndoSaysWhatItWouldDoBeforeItAsks) {
  lab_.terminal.looks().interactive = true;
  const auto undo = [this](const char* what, const std::string& before, const std::string& what_if) {
    lab_.ems.on("GET tags/Two/last-change", std::string(R"({"name":"Two","revision":7,"at":"2026-11-26T09:58:00.000Z","by":"bob","what":")") + what +
                                                R"(","before":)" + before + "}");
    lab_.ems.on("POST tags/apply/what-if", R"({"what_if":{"tags":[)" + what_if + R"(],"referring":[],"sessions_cut":{"total":2,"endpoints":[]}}})");
    lab_.terminal.answers = {"n"};
    EXPECT_EQ(lab_.run({"undo", "Two"}), kFailed);
    return lab_.ems.asked("POST tags/apply/what-if").back().body;
  };
  const std::string gains = R"({"name":"One","gain":{"count":3,"uids":[]}})", loses = R"({"name":"Two","lose":{"count":3,"uids":[]}})";
  const std::string said = "To undo that does this:\n";
  EXPECT_EQ(undo("changed", R"({"name":"Two"})", loses), R"({"tags":[{"name":"Two"}],"remove":[]})");
  EXPECT_THAT(lab_.out(), HasSubstr(said + "  3 endpoints would lose it\n  2 live sessions would be cut\n"));
  EXPECT_EQ(undo("renamed", R"({"name":"One"})", gains + "," + loses), R"({"tags":[{"name":"One"}],"remove":["Two"]})");
  EXPECT_THAT(lab_.out(), HasSubstr(said + "  One: 3 endpoints would gain it\n  Two: 3 endpoints would lose it\n"));
  EXPECT_EQ(undo("made", "null", loses), R"({"tags":[],"remove":["Two"]})");
  EXPECT_EQ(undo("deleted", R"({"name":"Two"})", loses), R"({"tags":[{"name":"Two"}],"remove":[]})");
  // It can't be told: a person may still decide.
  lab_.ems.refuse("POST tags/apply/what-if", 409, "conflict", "rules of Both refer to the tag Two");
  lab_.terminal.answers = {"n"};
  EXPECT_EQ(lab_.run({"undo", "Two"}), kFailed);
  EXPECT_THAT(lab_.err(), HasSubstr("what undoing it would do can't be told: rules of Both refer to the tag Two"));
}

TEST_F(Apply, UndoSaysWhatCameBack) {
  lab_.ems.on("GET tags/Compliant/last-change", R"({"name":"Compliant","revision":7,"at":"2026-11-26T09:58:00.000Z","by":"bob","what":"changed"})");
  const std::string said = "Compliant was changed by bob on 26 Nov 2026, 09:58:00 UTC\n";
  const std::string now = json::serialize(json::parse(kTags).at("items").at(1));
  std::string then = now;
  then.replace(then.find("Start sshd."), 11, "Start cron.");
  lab_.ems.on("GET tags/Compliant", now);
  lab_.ems.on("POST tags/Compliant/undo", R"({"name":"Compliant","undone_revision":7,"tag":)" + then + "}");
  EXPECT_EQ(lab_.run({"undo", "Compliant"}), kDone) << lab_.err();
  EXPECT_EQ(lab_.out(), said + "the last change of Compliant is undone\n  message: Start sshd. → Start cron.\n");
  lab_.ems.on("POST tags/Compliant/undo", R"({"name":"Compliant","undone_revision":8,"tag":null})");
  EXPECT_EQ(lab_.run({"undo", "Compliant"}), kDone) << lab_.err();
  EXPECT_EQ(lab_.out(), said + "the last change of Compliant is undone: the tag is gone\n");
}

TEST_F(Apply, UndoSaysWhoDoesNotHaveItAgain) {
  lab_.ems.refuse("GET tags/Kiosk", 404, "not_found", "there is no tag Kiosk");
  lab_.ems.on("GET tags/Kiosk/last-change", R"({"name":"Kiosk","revision":7,"at":"2026-11-26T09:58:00.000Z","by":"","what":"deleted"})");
  lab_.ems.on("POST tags/Kiosk/undo", R"({"name":"Kiosk","undone_revision":7,"tag":{"name":"Kiosk"},
    "warnings":["2 endpoints had been given it by hand"]})");
  EXPECT_EQ(lab_.run({"undo", "Kiosk"}), kDone) << lab_.err();
  EXPECT_EQ(lab_.out(), "Kiosk was deleted on 26 Nov 2026, 09:58:00 UTC\nthe last change of Kiosk is undone: the tag is there again\nwarning: 2 endpoints had been given it by hand\n");
}

}  // namespace
}  // namespace postern::cli
