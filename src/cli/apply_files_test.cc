// The files that postern apply takes, and that postern export writes.
#include <gmock/gmock.h>

#include <boost/json.hpp>

#include "cli/apply_lab.h"

namespace postern::cli {
namespace {

namespace json = boost::json;
using testing::HasSubstr;
using testing::Not;

TEST_F(Apply, ANewTagOfAnyOfTheThreeFormsOfAFile) {
  for (const char* yaml : {"name: New\nrules: [{id: 1, os: linux, type: ems-management}]", "- name: New",
                           "tags:\n- name: New\n", "---\n---\nname: New\n---\n"}) {
    EXPECT_EQ(apply(yaml), kDone) << yaml << lab_.err();
    EXPECT_TRUE(lab_.out().starts_with("+ New  new\n")) << lab_.out();
  }
  EXPECT_EQ(saved(), 4u);
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

TEST_F(Apply, ALargeFileIsRefusedAtOnce) {
  std::string yaml;
  for (int i = 0; i < 90'000; ++i) yaml += "- name: T" + std::to_string(i) + "\n";
  EXPECT_EQ(apply(yaml), kFailed);
  EXPECT_THAT(lab_.err(), HasSubstr("tags.yaml: holds 90000 tags, and at most 10000 are taken at once; split it"));
  EXPECT_EQ(apply(std::string(9u << 20, ' ')), kFailed);
  EXPECT_THAT(lab_.err(), HasSubstr("bytes; split it: at most 10000 tags are taken at once"));
  EXPECT_EQ(lab_.ems.requests(), 0u);
}

}  // namespace
}  // namespace postern::cli
