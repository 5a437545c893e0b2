// The last change of a tag, taken back.
#include "ems/core/judging_lab.h"

namespace postern::ems::testing {
namespace {

TEST_F(Judging, EachChangeOfATagCanBeTakenBack) {
  EXPECT_EQ(undo("Has-sshd").error().code, ErrorCode::kNotFound);
  save_process_tag();
  TestAgent a;
  join(a);
  report(a, {{keys::process_running("sshd"), true}});
  run();
  const auto id = core->engine().id_of("Has-sshd");
  ASSERT_TRUE(save(R"({"name":"Has-sshd","rules":[{"id":1,"os":"linux","type":"running-process","processes":["cups"]}]})"));
  EXPECT_EQ(state(a, "Has-sshd"), TagState::kUnknown);
  const auto revision = core->history("Has-sshd", 0, 1)->front().revision;
  EXPECT_EQ(undo("Has-sshd", revision - 1).error().code, ErrorCode::kConflict);
  const auto undone = undo("Has-sshd", revision);
  ASSERT_TRUE(undone) << undone.error().message;
  EXPECT_EQ(undone->undone, revision);
  EXPECT_EQ(state(a, "Has-sshd"), TagState::kHas);
  ASSERT_TRUE(undo("Has-sshd"));  // redone
  EXPECT_EQ(state(a, "Has-sshd"), TagState::kUnknown);
  // A renaming, a deletion, and the making of a tag.
  ASSERT_TRUE(save(R"({"name":"Sshd","rules":[{"id":1,"os":"linux","type":"running-process","processes":["sshd"]}]})", "Has-sshd"));
  EXPECT_EQ(undo("Has-sshd").error().code, ErrorCode::kNotFound);  // it has another name; its last change is not under this one
  EXPECT_EQ(undo("Sshd")->name, "Has-sshd");
  EXPECT_EQ(core->tag("Sshd"), nullptr);
  ASSERT_TRUE(remove("Has-sshd"));
  ASSERT_TRUE(undo("Has-sshd"));
  EXPECT_EQ(core->engine().id_of("Has-sshd"), id);
  ASSERT_TRUE(save(R"({"name":"New"})"));
  const auto gone = undo("New");
  ASSERT_TRUE(gone);
  EXPECT_FALSE(gone->there);
  EXPECT_EQ(core->tag("New"), nullptr);
}

}  // namespace
}  // namespace postern::ems::testing
