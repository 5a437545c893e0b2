// postern apply, what-if, export and undo, against a fake EMS.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "cli/program_lab.h"
#include "cli/step_progress.h"

namespace postern::cli {
namespace {

namespace json = boost::json;
using testing::HasSubstr;
using testing::Not;

constexpr char kOpenApi[] = R"({"components":{"schemas":{
  "TagRule":{"properties":{"id":{},"negate":{"type":"boolean","default":false}}},
  "TagDefinition":{"properties":{"name":{},"enabled":{"default":true},"kind":{"default":"security"},"on_unknown":{"default":"deny"},
    "message":{},"rules":{"items":{"$ref":"#/components/schemas/TagRule"}},"logic":{}}},
  "Tag":{"allOf":[{"$ref":"#/components/schemas/TagDefinition"},{"properties":{
    "id":{"readOnly":true},"built_in":{"readOnly":true},"has":{"readOnly":true},"updated_at":{"readOnly":true}}}]}}}})";

constexpr char kTags[] = R"({"items":[
  {"id":1,"name":"all_registered_clients","built_in":true,"has":3,"kind":"security","enabled":true,"rules":[]},
  {"id":2,"name":"Compliant","built_in":false,"has":2,"kind":"security","enabled":true,"message":"Start sshd.","comment":"",
   "on_unknown":"deny","rules":[{"id":1,"os":"linux","type":"running-process","negate":false,"processes":["sshd"]},
     {"id":2,"os":"linux","type":"file","negate":false,"paths":["/etc/x"]}],
   "logic":{"linux":"1 or 2"},"updated_at":"2026-11-26T09:00:00Z"}],"next_cursor":null,"total":2})";

constexpr char kSame[] =
    "name: Compliant\nmessage: Start sshd.\nrules:\n"
    "- {id: 1, os: linux, type: running-process, processes: [sshd]}\n"
    "- {id: 2, os: linux, type: file, paths: [/etc/x]}\nlogic: {linux: 1 or 2}\n";

constexpr char kChanged[] =
    "name: Compliant\nmessage: Start sshd, then check again.\nrules:\n"
    "- {id: 1, os: linux, type: running-process, processes: [sshd, cron]}\n"
    "- {id: 3, os: linux, type: ems-management}\nlogic: {linux: 1 and 3}\n";

constexpr char kHarmless[] =
    R"({"gain":{"count":1,"uids":["7F4704E462E2CF1430D14814C557BD7B"]},"lose":{"count":0,"uids":[]},
  "become_unknown":{"count":0,"uids":[]},"has_after":3,"unknown_after":0})";
constexpr char kHarmful[] =
    R"({"gain":{"count":0,"uids":[]},"lose":{"count":7,"uids":["7F4704E462E2CF1430D14814C557BD7B"]},
  "become_unknown":{"count":1,"uids":[]},"has_after":1,"unknown_after":1})";
constexpr char kGone[] =
    R"({"gain":{"count":0,"uids":[]},"lose":{"count":2,"uids":[]},"become_unknown":{"count":0,"uids":[]},"gone":true,
  "has_after":0,"unknown_after":0})";
constexpr char kOtherLoses[] =
    R"([{"name":"Other","gain":{"count":0,"uids":[]},"lose":{"count":1,"uids":["7F4704E462E2CF1430D14814C557BD7B"]},
  "become_unknown":{"count":0,"uids":[]},"has_after":0,"unknown_after":0,"gone":false}])";
constexpr char kCut[] =
    R"({"total":2,"endpoints":[{"uid":"7F4704E462E2CF1430D14814C557BD7B","gateway":"PGW1","sessions":2}],"not_answered":["PGW2","PGW3"],"not_asked":["PGW3"]})";

class Apply : public testing::Test {
 protected:
  Apply() {
    lab_.ems.on("GET openapi.json", kOpenApi);
    lab_.ems.on("GET tags", kTags);
    lab_.ems.on("GET endpoints/7F4704E462E2CF1430D14814C557BD7B", laptop7());
    lab_.ems.on("POST tags/what-if", kHarmless);
    lab_.ems.on("GET tags/Compliant", json::serialize(json::parse(kTags).at("items").at(1)));
    would({"New"}, {});
  }
  /// What the EMS says would become of the tags, and becomes.
  void would(json::array created, json::array changed, json::array unchanged = {}, json::array removed = {},
             const char* effect = kHarmless, const char* referring = "[]",
             const char* cut = R"({"total":0,"endpoints":[],"not_answered":[]})") {
    json::array tags;
    const auto add = [&](const json::array& names, const char* what) {
      for (const auto& name : names) {
        auto& one = tags.emplace_back(json::parse(what)).as_object();
        one["name"] = name;
      }
    };
    add(created, effect);
    add(changed, effect);
    add(removed, kGone);
    json::object what_if{{"tags", std::move(tags)}, {"referring", json::parse(referring)}, {"sessions_cut", json::parse(cut)}};
    lab_.ems.on("POST tags/apply", json::serialize(json::object{{"dry_run", true},
                                                                {"created", std::move(created)},
                                                                {"changed", std::move(changed)},
                                                                {"unchanged", std::move(unchanged)},
                                                                {"removed", std::move(removed)},
                                                                {"what_if", std::move(what_if)}}));
  }
  int apply(std::string_view yaml, std::vector<std::string> more = {}) {
    std::vector<std::string> arguments{"apply", "-f", lab_.file("tags.yaml", yaml)};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return lab_.run(arguments);
  }
  /// What it was asked to save, in order.
  std::vector<json::value> saves() const {
    std::vector<json::value> out;
    for (const auto& request : lab_.ems.asked("POST tags/apply")) {
      json::value body = json::parse(request.body);
      if (!body.at("dry_run").as_bool()) out.push_back(std::move(body));
    }
    return out;
  }
  std::size_t saved() const { return saves().size(); }
  ProgramLab lab_;
};

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

TEST_F(Apply, ALargeFileIsRefusedAtOnce) {
  std::string yaml;
  for (int i = 0; i < 90'000; ++i) yaml += "- name: T" + std::to_string(i) + "\n";
  EXPECT_EQ(apply(yaml), kFailed);
  EXPECT_THAT(lab_.err(), HasSubstr("tags.yaml: holds 90000 tags, and at most 10000 are taken at once; split it"));
  EXPECT_EQ(apply(std::string(9u << 20, ' ')), kFailed);
  EXPECT_THAT(lab_.err(), HasSubstr("bytes; split it: at most 10000 tags are taken at once"));
  EXPECT_EQ(lab_.ems.requests(), 0u);
}

TEST_F(Apply, ANewTagOfAnyOfTheThreeFormsOfAFile) {
  for (const char* yaml : {"name: New\nrules: [{id: 1, os: linux, type: ems-management}]", "- name: New",
                           "tags:\n- name: New\n", "---\n---\nname: New\n---\n"}) {
    EXPECT_EQ(apply(yaml), kDone) << yaml << lab_.err();
    EXPECT_TRUE(lab_.out().starts_with("+ New  new\n")) << lab_.out();
  }
  EXPECT_EQ(saved(), 4u);
}

TEST_F(Apply, WhoeverLosesIsNamedAndAPersonIsAsked) {
  would({}, {"Compliant"}, {}, {}, kHarmful, kOtherLoses, kCut);
  lab_.terminal.looks().interactive = true;
  lab_.terminal.answers = {"n"};
  EXPECT_EQ(apply(kChanged), kFailed);
  EXPECT_THAT(lab_.out(),
              HasSubstr("    7 endpoints would lose it: laptop7 and 6 more\n    1 endpoint would become unknown\n"
                        "    afterwards 1 endpoint has it, of 1 nobody knows\n1 changed\n"
                        "Other would change by it, because it refers to one of these:\n"
                        "  1 endpoint would lose it: laptop7\n"
                        "  afterwards 0 endpoints have it, of 0 nobody knows\n"
                        "2 live sessions would be cut: laptop7 at PGW1 (2)\n"
                        "of the sessions at PGW2 nobody knows: no answer\n"
                        "of the sessions at PGW3 nobody knows: too much would change to ask there\n"));
  EXPECT_EQ(lab_.err(), "nothing was saved\n");
  EXPECT_EQ(saved(), 0u);
  lab_.terminal.answers = {"yes"};
  EXPECT_EQ(apply(kChanged), kDone);
  EXPECT_EQ(saved(), 1u);
  EXPECT_EQ(apply(kChanged, {"--yes"}), kDone);
  EXPECT_EQ(lab_.terminal.questions, "");
  lab_.terminal.looks().interactive = false;
  EXPECT_EQ(apply(kChanged), kDone);  // a script: it has shown it, and goes on
  EXPECT_EQ(saved(), 3u);
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

TEST_F(Apply, ThatOnlyATagWhichRefersLosesIsAskedAboutToo) {
  would({}, {"Compliant"}, {}, {}, kHarmless, kOtherLoses);
  lab_.terminal.looks().interactive = true;
  lab_.terminal.answers = {"n"};
  EXPECT_EQ(apply("name: Compliant"), kFailed);
  EXPECT_THAT(lab_.terminal.questions, HasSubstr("Endpoints lose something"));
  EXPECT_EQ(saved(), 0u);
  would({}, {"Compliant"}, {}, {}, kHarmless, "[]", kCut);
  lab_.terminal.answers = {"n"};
  EXPECT_EQ(apply("name: Compliant"), kFailed);
  EXPECT_EQ(saved(), 0u);
}

TEST_F(Apply, WhoeverGainsIsAskedAboutToo) {
  lab_.terminal.looks().interactive = true;
  constexpr char kOtherGains[] =
      R"([{"name":"Other","gain":{"count":1,"uids":[]},"lose":{"count":0,"uids":[]},"become_unknown":{"count":0,"uids":[]}}])";
  constexpr char kNobody[] =
      R"({"gain":{"count":0,"uids":[]},"lose":{"count":0,"uids":[]},"become_unknown":{"count":0,"uids":[]}})";
  const auto asked = [&](std::vector<std::string> more = {}) {
    const std::size_t before = saved();
    lab_.terminal.answers = {"n"};
    EXPECT_EQ(apply("name: New", more), kFailed);
    EXPECT_EQ(saved(), before);
    return lab_.terminal.questions;
  };
  EXPECT_EQ(asked(), "Endpoints gain tags, which may grant them access. Save all this? [y/N] ");
  would({"New"}, {}, {}, {}, kNobody, kOtherGains);
  EXPECT_EQ(asked(), "Endpoints gain tags, which may grant them access. Save all this? [y/N] ");
  would({"New"}, {}, {}, {}, kHarmful, kOtherGains);
  EXPECT_EQ(asked(), "Endpoints lose something, others gain tags, which may grant them access. Save all this? [y/N] ");
  would({"New"}, {}, {}, {"Compliant"}, kHarmless);
  EXPECT_EQ(asked({"--prune"}), "Tags are deleted, endpoints lose something, others gain tags, which may grant them access. Save "
                                "all this? [y/N] ");
  would({"New"}, {}, {}, {}, kNobody);
  EXPECT_EQ(apply("name: New"), kDone);  // nobody gains or loses: nothing to ask
  EXPECT_EQ(lab_.terminal.questions, "");
  would({"New"}, {});
  lab_.terminal.answers = {"y"};
  EXPECT_EQ(apply("name: New"), kDone);
  EXPECT_EQ(apply("name: New", {"--yes"}), kDone);
  EXPECT_EQ(lab_.terminal.questions, "");
  lab_.terminal.looks().interactive = false;
  EXPECT_EQ(apply("name: New"), kDone);  // a script: it has shown it, and goes on
  EXPECT_EQ(saved(), 4u);
}

TEST_F(Apply, WhoeverMayGetInByWhatUnknownBecomesIsAskedAboutToo) {
  lab_.terminal.looks().interactive = true;
  const auto effect = [](const std::string& more) {
    return R"({"gain":{"count":0,"uids":[]},"lose":{"count":0,"uids":[]},"become_unknown":{"count":0,"uids":[]})" + more + "}";
  };
  const auto asked = [&](const std::string& more) {
    would({}, {"Compliant"}, {}, {}, effect(more).c_str());
    lab_.terminal.questions.clear();
    lab_.terminal.answers = {"n"};
    const int done = apply("name: Compliant");
    EXPECT_EQ(done, lab_.terminal.questions.empty() ? kDone : kFailed);
    return lab_.terminal.questions;
  };
  EXPECT_EQ(asked(R"(,"become_absent":{"count":2,"uids":[]})"),
            "Endpoints of which a tag was unknown are said to lack it, and policies that deny by it let them through. Save all this? "
            "[y/N] ");
  EXPECT_THAT(lab_.out(), HasSubstr("    2 endpoints of which nobody knew would not have it\n"));
  EXPECT_THAT(asked(R"(,"back":true)"), HasSubstr("let them through"));
  EXPECT_THAT(lab_.out(), HasSubstr("told of it again: policies that deny by it let through who does not have it\n"));
  EXPECT_EQ(asked(R"(,"on_unknown_changes":true)"),
            "Policies that deny by a tag make something else of unknown, and may let others through. Save all this? [y/N] ");
  EXPECT_THAT(lab_.out(), HasSubstr("    policies that deny by it would make something else of unknown (on_unknown)\n"));
  EXPECT_EQ(saved(), 0u);
  EXPECT_EQ(asked(R"(,"become_absent":{"count":2,"uids":[]},"gone":true)"), "");  // it counts as unknown for all
  EXPECT_THAT(lab_.out(), Not(HasSubstr("nobody knew")));
  EXPECT_EQ(asked(R"(,"become_absent":{"count":0,"uids":[]},"on_unknown_changes":false,"back":false)"), "");
}

TEST_F(Apply, PruningIsSaidTwice) {
  would({"New"}, {}, {}, {"Compliant"});
  EXPECT_EQ(apply("name: New", {"--prune"}), kFailed);
  EXPECT_THAT(lab_.out(), HasSubstr("- Compliant  deleted\n    2 endpoints would lose it\n"));
  EXPECT_THAT(lab_.err(), HasSubstr("add --yes"));
  EXPECT_EQ(saved(), 0u);
  EXPECT_EQ(apply("name: New", {"--prune", "--yes"}), kDone);
  ASSERT_EQ(saved(), 1u);
  // What was shown is deleted, and not what somebody made since.
  EXPECT_EQ(saves()[0].at("remove"), json::array{"Compliant"});
  EXPECT_FALSE(saves()[0].as_object().contains("prune"));
}

TEST(StepProgressTest, SaysHowFarItIsAfterASecondAndLeavesNothingBehind) {
  FakeTerminal terminal;
  ManualClock clock{WallTime()};
  terminal.looks().progress = true;
  {
    StepProgress progress(terminal, clock, 3, "tags looked at");
    progress.step();
    EXPECT_EQ(terminal.said_err, "");
    clock.advance(Millis(1100));
    progress.step();
    progress.step();
    EXPECT_EQ(terminal.said_err, "\r\x1b[K2 of 3 tags looked at");
  }
  EXPECT_TRUE(terminal.said_err.ends_with("\r\x1b[K"));
}

TEST_F(Apply, BadFilesAreToldByPlaceAndAskNobody) {
  const std::pair<const char*, const char*> kFiles[] = {
      {"", "there is no tag in it"},
      {"a: [", "line 1, column 1: end of sequence flow not found"},
      {"name: A\n---\nname: A\n", "the tag A is in it twice"},
      {"rules: []", "tag 1: name: is missing"},
      {"name: 12", "tag 1: name: has to be a text; put it in quotes"},
      {"tags: {}", "tags: has to be a list"},
      {"tags: []\nother: 1", "other: beside tags nothing is taken here"},
      {"- 5", "tag 1 is no map"},
      {"name: &a A", "anchors"}};
  for (const auto& [yaml, message] : kFiles) {
    EXPECT_EQ(apply(yaml), kFailed) << yaml;
    EXPECT_THAT(lab_.err(), HasSubstr(message)) << yaml;
  }
  EXPECT_EQ(lab_.run({"apply", "-f", "/nowhere.yaml"}), kFailed);
  EXPECT_EQ(lab_.run({"apply"}), kMisused);
  EXPECT_EQ(lab_.ems.requests(), 0u);
  EXPECT_EQ(apply("name: a/../b"), kFailed);
  EXPECT_THAT(lab_.err(), HasSubstr("can't be a tag's name"));
}

TEST_F(Apply, StandardInputAndJson) {
  would({}, {"Compliant"});
  lab_.terminal.standard_input = kChanged;
  EXPECT_EQ(lab_.run({"--json", "apply", "-f", "-"}), kDone) << lab_.err();
  const json::value told = json::parse(lab_.out());
  EXPECT_TRUE(told.at("saved").as_bool());
  EXPECT_EQ(told.at("tags").at(0).at("action"), "changed");
  EXPECT_EQ(told.at("tags").at(0).at("differences").as_array().size(), 5u);
  EXPECT_EQ(told.at("tags").at(0).at("what_if").at("gain").at("count"), 1);
  EXPECT_EQ(told.at("sessions_cut").at("total"), 0);
}

TEST_F(Apply, WhatIsToldOnlyIsNotSentBack) {
  EXPECT_EQ(apply("name: New\nid: 7\nhas: 3\nbuilt_in: false\n"), kDone) << lab_.err();
  EXPECT_EQ(saves().at(0).at("tags"), json::parse(R"([{"name":"New"}])"));
}

TEST_F(Apply, ExportIsTakenBackUnchanged) {
  EXPECT_EQ(lab_.run({"export"}), kDone) << lab_.err();
  EXPECT_THAT(lab_.out(), Not(HasSubstr("all_registered_clients")));
  EXPECT_THAT(lab_.out(), Not(HasSubstr("updated_at")));
  const std::string exported = lab_.out();
  would({}, {}, {"Compliant"});
  EXPECT_EQ(apply(exported), kDone) << lab_.err() << exported;
  EXPECT_EQ(lab_.out(), "= Compliant  unchanged\n");
  EXPECT_EQ(lab_.run({"export", "Nope"}), kFailed);
  EXPECT_EQ(lab_.err(), "postern: there is no tag Nope that could be exported\n");
  EXPECT_EQ(lab_.run({"export", "Compliant", "-o", (lab_.directory / "out.yaml").string()}), kDone);
  EXPECT_EQ(lab_.run({"apply", "-f", (lab_.directory / "out.yaml").string()}), kDone);
}

TEST_F(Apply, WhatIfNamesWhoChanges) {
  EXPECT_EQ(lab_.run({"what-if", "-f", lab_.file("t.yaml", kChanged)}), kDone) << lab_.err();
  EXPECT_EQ(lab_.out(),
            "Compliant\n  1 endpoint would gain it: laptop7\n  afterwards 3 endpoints have it, of 0 nobody knows\n");
  EXPECT_EQ(lab_.run({"what-if", "--json", "-f", lab_.file("t.yaml", kChanged)}), kDone);
  EXPECT_EQ(json::parse(lab_.out()), json::parse(kHarmless));
  auto harmful = json::parse(kHarmful).as_object();
  harmful["referring"] = json::parse(kOtherLoses);
  harmful["sessions_cut"] = json::parse(kCut);
  lab_.ems.on("POST tags/what-if", json::serialize(harmful));
  EXPECT_EQ(lab_.run({"what-if", "-f", lab_.file("t.yaml", kChanged)}), kDone) << lab_.err();
  EXPECT_EQ(lab_.out(),
            "Compliant\n  7 endpoints would lose it: laptop7 and 6 more\n  1 endpoint would become unknown\n"
            "  afterwards 1 endpoint has it, of 1 nobody knows\n"
            "  Other would change by it, because it refers to it:\n    1 endpoint would lose it: laptop7\n"
            "    afterwards 0 endpoints have it, of 0 nobody knows\n"
            "  2 live sessions would be cut: laptop7 at PGW1 (2)\n  of the sessions at PGW2 nobody knows: no answer\n"
            "  of the sessions at PGW3 nobody knows: too much would change to ask there\n");
  EXPECT_EQ(saved(), 0u);
}

TEST_F(Apply, WhatIsLostAfterADelayIsNotCutAtOnce) {
  auto harmful = json::parse(kHarmful).as_object();
  harmful["kept_for"] = 5400;
  harmful["sessions_cut"] = json::parse(R"({"total":0,"endpoints":[],"not_answered":["PGW2"],"not_asked":[]})");
  harmful["sessions_cut_later"] = json::parse(R"({"total":2,"endpoints":[{"uid":"7F4704E462E2CF1430D14814C557BD7B","gateway":"PGW1","sessions":2}],
    "not_answered":["PGW2"],"not_asked":[]})");
  lab_.ems.on("POST tags/what-if", json::serialize(harmful));
  EXPECT_EQ(lab_.run({"what-if", "-f", lab_.file("t.yaml", kChanged)}), kDone) << lab_.err();
  EXPECT_EQ(lab_.out(),
            "Compliant\n  7 endpoints would lose it: laptop7 and 6 more\n"
            "    they keep it for 90 min at most, and lose it then (loss_delay)\n  1 endpoint would become unknown\n"
            "  afterwards 1 endpoint has it, of 1 nobody knows\n"
            "  no live session that is known of would be cut at once\n  of the sessions at PGW2 nobody knows: no answer\n"
            "  2 live sessions would be cut when what is lost is kept no longer (loss_delay): laptop7 at PGW1 (2)\n");
}

TEST_F(Apply, WhatIfOfAFileIsOfAllItsTagsTogether) {
  const std::string two = lab_.file("two.yaml", "- name: New\n  rules: [{id: 1, os: linux, type: tag, tags: [Compliant]}]\n- name: Compliant\n");
  would({"New"}, {"Compliant"}, {}, {}, kHarmless, kOtherLoses, kCut);
  lab_.ems.on("POST tags/apply/what-if", lab_.ems.told("POST tags/apply"));
  EXPECT_EQ(lab_.run({"what-if", "-f", two}), kDone) << lab_.err();
  EXPECT_EQ(lab_.out(),
            "New\n  1 endpoint would gain it: laptop7\n  afterwards 3 endpoints have it, of 0 nobody knows\n"
            "Compliant\n  1 endpoint would gain it: laptop7\n  afterwards 3 endpoints have it, of 0 nobody knows\n"
            "Other would change by it, because it refers to one of these:\n  1 endpoint would lose it: laptop7\n"
            "  afterwards 0 endpoints have it, of 0 nobody knows\n"
            "2 live sessions would be cut: laptop7 at PGW1 (2)\nof the sessions at PGW2 nobody knows: no answer\n"
            "of the sessions at PGW3 nobody knows: too much would change to ask there\n");
  const auto asked = lab_.ems.asked("POST tags/apply/what-if");
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(json::parse(asked[0].body).at("tags").as_array().size(), 2u);
  EXPECT_EQ(lab_.run({"--json", "what-if", "-f", two}), kDone);
  EXPECT_EQ(json::parse(lab_.out()), json::parse(lab_.ems.told("POST tags/apply")));
  EXPECT_TRUE(lab_.ems.asked("POST tags/what-if").empty());
  EXPECT_TRUE(lab_.ems.asked("POST tags/apply").empty());
  lab_.ems.refuse("POST tags/apply/what-if", 400, "invalid_argument", "New: rules: there is no tag Nope that they could refer to");
  EXPECT_EQ(lab_.run({"what-if", "-f", two}), kFailed);
  EXPECT_EQ(lab_.err(), "postern: New: rules: there is no tag Nope that they could refer to\n");
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
