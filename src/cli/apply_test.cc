// postern apply, against a fake EMS: what it shows, and what it saves.
#include <gmock/gmock.h>

#include <boost/json.hpp>

#include "cli/apply_lab.h"

namespace postern::cli {
namespace {

namespace json = boost::json;
using testing::HasSubstr;
using testing::Not;

TEST_F(Apply, WhatIsAsTheFileHasItStays) {
  would({}, {}, {"Compliant"});
  EXPECT_EQ(apply(kSame), kDone) << lab_.err();
  EXPECT_EQ(lab_.out(), "= Compliant  unchanged\n");
  EXPECT_EQ(saved(), 0u);
  EXPECT_TRUE(lab_.ems.asked("POST tags/what-if").empty());
}

TEST_F(Apply, WhatChangesIsShownMemberByMemberAndSaved) {
  would({}, {"Compliant"});
  EXPECT_EQ(apply(kChanged), kDone) << lab_.err();
  EXPECT_EQ(lab_.out(),
            "~ Compliant  changed\n"
            "    message: Start sshd. → Start sshd, then check again.\n"
            "    rule 1 processes: sshd → sshd, cron\n"
            "    rule 3: linux ems-management\n"
            "    rule 2: linux file, paths=/etc/x goes\n"
            "    logic linux: 1 or 2 → 1 and 3\n"
            "    1 endpoint would gain it: laptop7\n"
            "    afterwards 3 endpoints have it, of 0 nobody knows\n"
            "1 changed\n"
            "no live session would be cut\n"
            "saved: 1 tag\n");
  EXPECT_EQ(lab_.err(), "");
  ASSERT_EQ(saved(), 1u);
  EXPECT_EQ(saves()[0].at("tags").at(0).at("rules").at(0).at("processes"), json::parse(R"(["sshd","cron"])"));
  EXPECT_EQ(saves()[0].at("remove"), json::array());
}

constexpr char kAFile[] =
    "- {name: New, rules: [{id: 1, os: linux, type: ems-management}]}\n- name: Compliant\n  message: x\n- name: Same\n";

TEST_F(Apply, ADryRunShowsEverythingAndSavesNothing) {
  would({"New"}, {"Compliant"}, {"Same"}, {"Old"});
  lab_.ems.on("GET tags/Old", R"({"name":"Old","has":2,"shared_with":["PGW1"]})");
  EXPECT_EQ(apply(kAFile, {"--prune", "--dry-run"}), kDone) << lab_.err();
  EXPECT_EQ(lab_.out(), ProgramLab::golden("postern-apply-dry-run.txt", lab_.out()));
  EXPECT_EQ(lab_.err(), "");
  const auto asked = lab_.ems.asked("POST tags/apply");
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(json::parse(asked[0].body).at("prune"), true);
  EXPECT_EQ(saved(), 0u);
}

TEST_F(Apply, OfManyTagsOnlyTheFirstAreLookedAt) {
  std::string yaml;
  json::array created, unchanged;
  for (int i = 0; i < 150; ++i) {
    const std::string name = (i % 3 == 2 ? "Same" : "New") + std::to_string(i);
    yaml += "- name: " + name + "\n";
    (i % 3 == 2 ? unchanged : created).emplace_back(name);
  }
  created.emplace_back("More");
  yaml += "- name: More\n";
  would(created, {}, unchanged);
  EXPECT_EQ(apply(yaml), kDone) << lab_.err();
  EXPECT_THAT(lab_.out(), testing::EndsWith("+ New148  new\n    1 endpoint would gain it: laptop7\n"
                                            "    afterwards 3 endpoints have it, of 0 nobody knows\n"
                                            "+ More  new\n= 50 tags  unchanged\n"
                                            "what changes in a tag, and who gains or loses it, is shown of 100 only, of those first by which endpoints gain "
                                            "or lose something\n"
                                            "101 new, 50 unchanged\nno live session would be cut\nsaved: 101 tags\n"));
  EXPECT_THAT(lab_.out(), Not(HasSubstr("Same2")));
  EXPECT_EQ(lab_.ems.asked("POST tags/what-if").size(), 0u);  // the dry run told of all of them
  ASSERT_EQ(saved(), 1u);
  EXPECT_EQ(saves()[0].at("tags").as_array().size(), 151u);
  // The last one is the only one that does something to anybody.
  json::object body = json::parse(lab_.ems.told("POST tags/apply")).as_object();
  for (json::value& tag : body.at("what_if").at("tags").as_array()) {
    if (tag.at("name") != "More") tag.at("gain") = json::parse(R"({"count":0,"uids":[]})");
  }
  lab_.ems.on("POST tags/apply", json::serialize(body));
  EXPECT_EQ(apply(yaml, {"--dry-run"}), kDone) << lab_.err();
  EXPECT_THAT(lab_.out(), HasSubstr("+ More  new\n    1 endpoint would gain it: laptop7\n"));
  EXPECT_THAT(lab_.out(), HasSubstr("+ New148  new\n+ More  new\n    1 endpoint"));
}

TEST_F(Apply, OneBadTagAndNoneIsSaved) {
  lab_.ems.refuse("POST tags/apply", 400, "invalid_argument",
                  "2 mistakes: New: rule 1 (frob): type: there is no such type; Compliant: name: is taken");
  EXPECT_EQ(apply("- name: New\n- name: Compliant\n  message: x\n"), kFailed);
  EXPECT_EQ(lab_.err(),
            "postern: 2 mistakes: New: rule 1 (frob): type: there is no such type; Compliant: name: is taken\n"
            "nothing was saved\n");
  EXPECT_EQ(lab_.out(), "");
  EXPECT_EQ(saved(), 0u);
}

TEST_F(Apply, AnEmsThatIsInTroubleIsNotTheTagsFault) {
  lab_.ems.refuse("POST tags/apply", 503, "unavailable", "the store can't be written");
  EXPECT_EQ(apply("name: New"), kFailed);
  EXPECT_EQ(lab_.err(), "postern: the store can't be written\n");
}

TEST_F(Apply, WhatTheEmsWarnsOfIsShownBeforeItIsSaved) {
  const auto warns = [&](const char* request) {
    json::object body = json::parse(lab_.ems.told(request)).as_object();
    body["warnings"] = json::array{"New: rule 1 (vulnerable-devices): its max_age is short"};
    lab_.ems.on(request, json::serialize(body));
  };
  const std::string line = "warning: New: rule 1 (vulnerable-devices): its max_age is short\n";
  warns("POST tags/apply");
  EXPECT_EQ(apply("name: New", {"--dry-run"}), kDone);
  EXPECT_THAT(lab_.out(), HasSubstr("no live session would be cut\n" + line));
  EXPECT_EQ(apply("name: New", {"--json"}), kDone);
  EXPECT_EQ(json::parse(lab_.out()).at("warnings").as_array().size(), 1u);
  warns("POST tags/what-if");
  EXPECT_EQ(lab_.run({"what-if", "-f", lab_.file("t.yaml", "name: New")}), kDone) << lab_.err();
  EXPECT_THAT(lab_.out(), HasSubstr("  " + line));
}

TEST_F(Apply, WhatSomebodyElseChangesMeanwhileIsNotOverwritten) {
  json::object body = json::parse(lab_.ems.told("POST tags/apply")).as_object();
  body["versions"] = json::parse(R"({"New":""})");
  lab_.ems.on("POST tags/apply", json::serialize(body));
  EXPECT_EQ(apply("name: New", {"--yes"}), kDone) << lab_.err();
  ASSERT_EQ(saves().size(), 1u);
  EXPECT_EQ(saves()[0].at("expected"), body.at("versions"));
}

}  // namespace
}  // namespace postern::cli
