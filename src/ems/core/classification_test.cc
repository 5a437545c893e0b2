// Tags that people give, and rules that refer to them.
#include <gmock/gmock.h>

#include "ems/core/judging_lab.h"

namespace postern::ems::testing {
namespace {

TEST_F(Judging, ClassificationTagsAreGivenByHandAndFollowTheirNames) {
  ASSERT_TRUE(save(R"({"name":"Kiosk","kind":"classification"})"));
  save_process_tag();
  TestAgent a;
  join(a);
  EXPECT_EQ(state(a, "Kiosk"), TagState::kAbsent);
  EXPECT_EQ(classify(a, {"Has-sshd"}).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(classify(a, {"Nothing"}).error().code, ErrorCode::kInvalidArgument);
  ASSERT_TRUE(classify(a, {"Kiosk"}));
  EXPECT_EQ(state(a, "Kiosk"), TagState::kHas);
  restart();
  EXPECT_EQ(state(a, "Kiosk"), TagState::kHas);
  ASSERT_TRUE(save(R"({"name":"Public","kind":"classification"})", "Kiosk"));
  EXPECT_EQ(state(a, "Public"), TagState::kHas);
  ASSERT_TRUE(remove("Public"));
  EXPECT_TRUE(core->endpoint(a.uid())->classifications.empty());
  ASSERT_TRUE(undo("Public"));
  EXPECT_EQ(state(a, "Public"), TagState::kAbsent);  // the tag is back, who had it is not
}

TEST_F(Judging, WhoIsNotRegisteredIsGivenNoTagAndOneCanBeTaken) {
  ASSERT_TRUE(save(R"({"name":"Kiosk","kind":"classification"})"));
  ASSERT_TRUE(save(R"({"name":"Berlin","kind":"classification"})"));
  TestAgent a;
  join(a);
  ASSERT_TRUE(classify(a, {"Kiosk"}));
  core->deregister(clock.now(), admin, a.uid(), nullptr);
  run();
  const auto refused = classify(a, {"Kiosk", "Berlin"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
  EXPECT_EQ(refused.error().message,
            "the endpoint is deregistered: gateways refuse it whatever its tags say, and where it enrols again it is "
            "another endpoint, which is given its own; tags can only be taken from this one");
  EXPECT_EQ(core->endpoint(a.uid())->classifications.size(), 1u);
  EXPECT_TRUE(classify(a, {"Kiosk"}));
  EXPECT_TRUE(classify(a, {}));
  EXPECT_TRUE(core->endpoint(a.uid())->classifications.empty());
}

constexpr const char* kNotStolen =
    R"({"name":"Trusted","rules":[{"id":1,"os":"linux","type":"classification","tags":["Stolen"],"negate":true}]})";

TEST_F(Judging, ARuleOfTypeClassificationRefersToWhatIsThere) {
  const auto mistyped = save(kNotStolen);
  ASSERT_FALSE(mistyped);
  EXPECT_EQ(mistyped.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(mistyped.error().message, "rules: there is no tag Stolen that they could refer to");
  ASSERT_TRUE(save(R"({"name":"Stolen","rules":[{"id":1,"os":"linux","type":"ems-management"}]})"));
  const auto other_kind = save(kNotStolen);
  ASSERT_FALSE(other_kind);
  EXPECT_EQ(other_kind.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(other_kind.error().message,
            "rules: the tag Stolen is of the kind security, and rules of type classification refer to tags of the kind "
            "classification; refer to it by a rule of type tag");
  EXPECT_FALSE(save(R"({"name":"Trusted","rules":[{"id":1,"os":"linux","type":"classification",
                        "tags":["all_registered_clients"]}]})"));
  ASSERT_TRUE(save(R"({"name":"Stolen","kind":"classification"})"));
  EXPECT_TRUE(save(kNotStolen));
}

TEST_F(Judging, AClassificationTagThatIsOffOrOfAnotherKindGrantsNothing) {
  ASSERT_TRUE(save(R"({"name":"Stolen","kind":"classification"})"));
  ASSERT_TRUE(save(kNotStolen));
  TestAgent a, b;
  join(a);
  join(b);
  ASSERT_TRUE(classify(b, {"Stolen"}));
  EXPECT_EQ(state(a, "Trusted"), TagState::kHas);
  EXPECT_EQ(state(b, "Trusted"), TagState::kAbsent);
  ASSERT_TRUE(save(R"({"name":"Stolen","kind":"classification","enabled":false})"));
  EXPECT_EQ(state(a, "Trusted"), TagState::kUnknown);
  EXPECT_EQ(state(b, "Trusted"), TagState::kUnknown);
  restart();
  EXPECT_EQ(state(a, "Trusted"), TagState::kUnknown);
  ASSERT_TRUE(save(R"({"name":"Stolen","kind":"classification"})"));
  EXPECT_EQ(state(a, "Trusted"), TagState::kHas);
  EXPECT_EQ(state(b, "Trusted"), TagState::kAbsent);
  const auto kind = save(R"({"name":"Stolen","kind":"security"})");
  ASSERT_FALSE(kind);
  EXPECT_EQ(kind.error().code, ErrorCode::kConflict);
  EXPECT_EQ(kind.error().message,
            "rules of Trusted are of type classification and refer to the tag Stolen; change them before its kind is changed");
  EXPECT_FALSE(remove("Stolen"));
  EXPECT_FALSE(save(R"({"name":"Lost","kind":"classification"})", "Stolen"));
}

TEST_F(Judging, WhatWasGivenByHandBeforeItGotRulesIsWarnedOfToo) {
  ASSERT_TRUE(save(R"({"name":"Mark","kind":"classification"})"));
  TestAgent a;
  join(a);
  ASSERT_TRUE(classify(a, {"Mark"}));
  EXPECT_THAT(core->deletion_warnings("Mark"), ::testing::ElementsAre(::testing::HasSubstr("given by hand to 1 endpoint, which loses it")));
  ASSERT_TRUE(save(R"({"name":"Mark","kind":"classification","rules":[{"id":1,"os":"linux","type":"ems-management"}]})"));
  EXPECT_THAT(core->deletion_warnings("Mark"), ::testing::ElementsAre(::testing::HasSubstr("given by hand to 1 endpoint, which is forgotten")));
}

}  // namespace
}  // namespace postern::ems::testing
