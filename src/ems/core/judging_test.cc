// What time does to tags: delays of losses, the tag timeout, ages, attributes that expire; and tags that people give.
#include <algorithm>
#include <gmock/gmock.h>

#include "ems/core/test_lab.h"
#include "ems/registry/codec.h"
#include "posture/tag_json.h"
#include "wire/telemetry.pb.h"

namespace postern::ems::testing {
namespace {

using posture::TagState;

class Judging : public Lab {
 protected:
  TagState state(const TestAgent& agent, const std::string& tag) const {
    return core->endpoint(agent.uid())->tags().state(core->engine().id_of(tag));
  }
  /// In steps as ticks come; `heard`: with a sign of life every minute.
  void wait(TestAgent& agent, Seconds seconds, bool heard) {
    for (Seconds left = seconds; left > Seconds(0);) {
      const auto step = std::min(left, Seconds(10));
      left -= step;
      clock.advance(step);
      if (heard && left.count() % 60 == 0 && agent.session != 0) {
        wire::TelemetryFrame frame;
        frame.mutable_keepalive()->set_seq(1);
        send(agent, frame);
      }
      core->tick(clock.now());
      run();
    }
  }
  Status attribute(const TestAgent& agent, const std::string& name, EmsCore::AttributeValue value,
                   std::optional<Seconds> expires_in = std::nullopt) {
    return answer([&](DoneStatus done) {
      core->set_attribute(clock.now(), admin, agent.uid(), name, std::move(value), expires_in, std::move(done));
    });
  }
  Status classify(const TestAgent& agent, const std::vector<std::string>& tags) {
    return answer([&](DoneStatus done) { core->classify(clock.now(), admin, agent.uid(), tags, std::move(done)); });
  }
  Status save(const std::string& json, const std::string& name = "") {
    return answer([&](DoneStatus done) {
      const auto tag = posture::parse_tag_json(json);
      core->save_tag(clock.now(), admin, name.empty() ? tag->name.str() : name, *tag, false,
                     [done](Result<posture::TagId> id) { id ? done(Status()) : done(fail(id.error())); });
    });
  }
  Status remove(const std::string& name) {
    return answer([&](DoneStatus done) { core->delete_tag(clock.now(), admin, name, std::move(done)); });
  }
  Result<EmsCore::Undone> undo(const std::string& name, Revision expected = 0) {
    Result<EmsCore::Undone> out = fail(ErrorCode::kInternal, "never answered");
    core->undo_tag(clock.now(), admin, name, expected, "", [&out](Result<EmsCore::Undone> done) { out = std::move(done); });
    run();
    return out;
  }

 private:
  template <class Ask>
  Status answer(Ask ask) {
    Status out = fail(ErrorCode::kInternal, "never answered");
    ask([&out](Status done) { out = std::move(done); });
    run();
    return out;
  }
};

constexpr const char* kHeldTag =
    R"({"name":"Healthy","loss_delay":120,"rules":[{"id":1,"os":"linux","type":"running-process","processes":["av"]}]})";

TEST_F(Judging, ALossIsDelayedWhereAskedAndNothingElseIs) {
  save_tag(kHeldTag);
  TestAgent a;
  join(a);
  EXPECT_EQ(state(a, "Healthy"), TagState::kUnknown);
  report(a, {{keys::process_running("av"), true}});
  run();
  EXPECT_EQ(state(a, "Healthy"), TagState::kHas);  // at once
  report(a, {{keys::process_running("av"), false}});
  run();
  EXPECT_EQ(state(a, "Healthy"), TagState::kHas);
  wait(a, Seconds(110), true);
  EXPECT_EQ(state(a, "Healthy"), TagState::kHas);
  // A restart does not begin the delay anew.
  restart();
  connect(a, a.seq);
  wait(a, Seconds(20), true);
  EXPECT_EQ(state(a, "Healthy"), TagState::kAbsent);
  // Back before the delay is over: nothing was lost, and the next loss has all of it again.
  report(a, {{keys::process_running("av"), true}});
  report(a, {{keys::process_running("av"), false}});
  wait(a, Seconds(100), true);
  report(a, {{keys::process_running("av"), true}});
  report(a, {{keys::process_running("av"), false}});
  wait(a, Seconds(100), true);
  EXPECT_EQ(state(a, "Healthy"), TagState::kHas);
  // Unknown is never bridged.
  report(a, {{keys::process_running("av"), posture::Unknown{posture::UnknownReason::kFailed}}});
  run();
  EXPECT_EQ(state(a, "Healthy"), TagState::kUnknown);
}

TEST_F(Judging, WhatIsHeldGoesWithTheTagAndIsExplained) {
  save_tag(kHeldTag);
  TestAgent a;
  join(a);
  report(a, {{keys::process_running("av"), true}});
  report(a, {{keys::process_running("av"), false}});
  run();
  ASSERT_EQ(state(a, "Healthy"), TagState::kHas);
  const auto why = core->explain(clock.now(), a.uid(), "Healthy");
  ASSERT_TRUE(why);
  EXPECT_EQ(why->state, TagState::kHas);
  EXPECT_EQ(why->reason, "held");
  auto now_disabled = std::string(kHeldTag);
  now_disabled.insert(1, R"("enabled":false,)");
  ASSERT_TRUE(save(now_disabled));
  EXPECT_EQ(state(a, "Healthy"), TagState::kAbsent);
}

TEST_F(Judging, TagsOutliveASleepUpToTheTagTimeout) {
  save_process_tag();
  TestAgent a;
  join(a);
  report(a, {{keys::process_running("sshd"), true}});
  wait(a, Seconds(185), false);
  ASSERT_FALSE(core->endpoint(a.uid())->online);
  EXPECT_EQ(state(a, "Has-sshd"), TagState::kHas);
  wait(a, Seconds(3400), false);  // 3585 s of silence
  EXPECT_EQ(state(a, "Has-sshd"), TagState::kHas);
  wait(a, Seconds(20), false);
  EXPECT_EQ(state(a, "Has-sshd"), TagState::kUnknown);
  // Another run of the agent says hello: what was known before the sleep counts once it is said again.
  a.run = 8;
  a.seq = 0;
  connect(a);
  EXPECT_TRUE(core->endpoint(a.uid())->online);
  EXPECT_EQ(state(a, "Has-sshd"), TagState::kUnknown);
  report(a, {{std::string(keys::kOsFamily), std::string("linux")}, {keys::process_running("sshd"), true}}, true);
  run();
  EXPECT_EQ(state(a, "Has-sshd"), TagState::kHas);
}

TEST_F(Judging, RestartsDoNotKeepASilentEndpointOnline) {
  TestAgent a;
  join(a);
  run();
  for (int i = 0; i < 2; ++i) {
    wait(a, Seconds(100), false);
    EXPECT_TRUE(core->endpoint(a.uid())->online);
    restart();
  }
  wait(a, Seconds(30), false);
  EXPECT_TRUE(core->endpoint(a.uid())->online);  // it may come back
  wait(a, Seconds(40), false);
  EXPECT_FALSE(core->endpoint(a.uid())->online);
}

TEST_F(Judging, RunsThatReportNothingConfirmNothing) {
  save_process_tag();
  TestAgent a;
  join(a);
  report(a, {{keys::process_running("sshd"), true}});
  wait(a, Seconds(4000), false);
  ASSERT_EQ(state(a, "Has-sshd"), TagState::kUnknown);
  for (const std::uint64_t run : {8, 9, 10}) {
    a.run = run;
    a.seq = 0;
    connect(a);
    EXPECT_EQ(state(a, "Has-sshd"), TagState::kUnknown);
    wait(a, Seconds(120), true);   // it gives signs of life and says nothing
    wait(a, Seconds(200), false);
    EXPECT_EQ(state(a, "Has-sshd"), TagState::kUnknown);
  }
  a.run = 11;
  connect(a);
  restart();
  wait(a, Seconds(10), false);
  EXPECT_EQ(state(a, "Has-sshd"), TagState::kUnknown);
}

TEST_F(Judging, AFirstReportThatCouldNotBeStoredConfirmsNothing) {
  save_process_tag();
  TestAgent a;
  join(a);
  report(a, {{keys::process_running("sshd"), true}});
  wait(a, Seconds(4000), false);
  a.run = 8;
  a.seq = 0;
  connect(a);
  ASSERT_EQ(state(a, "Has-sshd"), TagState::kUnknown);
  store.fail_commits(Error{ErrorCode::kResourceExhausted, "the disk is full"});
  report(a, {{std::string(keys::kOsFamily), std::string("linux")}, {keys::process_running("sshd"), true}}, true);
  run();
  store.fail_commits(std::nullopt);
  wait(a, Seconds(10), false);
  EXPECT_EQ(state(a, "Has-sshd"), TagState::kUnknown);
}

TEST_F(Judging, AClockThatIsSetBackKeepsNothingFresh) {
  save_process_tag();
  TestAgent a;
  join(a);
  report(a, {{keys::process_running("sshd"), true}});
  wait(a, Seconds(300), false);
  ASSERT_FALSE(core->endpoint(a.uid())->online);
  clock.set_wall(clock.now().wall - kDay);
  wait(a, Seconds(3200), false);
  EXPECT_EQ(state(a, "Has-sshd"), TagState::kHas);
  wait(a, Seconds(200), false);
  EXPECT_EQ(state(a, "Has-sshd"), TagState::kUnknown);
  // And while the EMS was away.
  connect(a, a.seq);
  keep_alive(a);
  wait(a, Seconds(300), false);
  ASSERT_EQ(state(a, "Has-sshd"), TagState::kHas);
  clock.set_wall(clock.now().wall - kDay);
  restart();
  wait(a, Seconds(3700), false);
  EXPECT_EQ(state(a, "Has-sshd"), TagState::kUnknown);
}

TEST_F(Judging, TheSameRunConfirmsWhatItSaidOnceItHasSaidWhatChanged) {
  save_process_tag();
  TestAgent a;
  join(a);
  report(a, {{keys::process_running("sshd"), true}});
  run();
  wait(a, Seconds(4000), false);
  ASSERT_EQ(state(a, "Has-sshd"), TagState::kUnknown);
  connect(a, a.seq);
  EXPECT_TRUE(core->endpoint(a.uid())->online);
  EXPECT_EQ(state(a, "Has-sshd"), TagState::kUnknown);  // a report may be on its way
  keep_alive(a);
  EXPECT_EQ(state(a, "Has-sshd"), TagState::kHas);
  // The same over restarts, and however often it comes back without a word.
  wait(a, Seconds(4000), false);
  for (int i = 0; i < 2; ++i) {
    restart();
    connect(a, a.seq);
    EXPECT_EQ(state(a, "Has-sshd"), TagState::kUnknown);
  }
  const auto log = core->revision();
  report(a, {{keys::process_running("sshd"), false}});
  run();
  EXPECT_EQ(state(a, "Has-sshd"), TagState::kAbsent);
  const auto changes = core->changes(log, 100, a.uid().str());
  ASSERT_TRUE(changes);
  EXPECT_TRUE(std::ranges::none_of(*changes, [](const Change& c) { return c.json.find(R"("after":"has")") != c.json.npos; }));
  report(a, {{keys::process_running("sshd"), true}});
  run();
  EXPECT_EQ(state(a, "Has-sshd"), TagState::kHas);
}

TEST_F(Judging, AHelloDoesNotMakeFactsFresh) {
  save_tag(R"({"name":"Recent","rules":[{"id":1,"os":"linux","type":"running-process","processes":["sshd"],"max_age":300}]})");
  TestAgent a;
  join(a);
  report(a, {{keys::process_running("sshd"), true}});
  run();
  ASSERT_EQ(state(a, "Recent"), TagState::kHas);
  wait(a, Seconds(400), false);
  ASSERT_EQ(state(a, "Recent"), TagState::kUnknown);
  connect(a, a.seq);
  EXPECT_EQ(state(a, "Recent"), TagState::kUnknown);
  keep_alive(a);
  EXPECT_EQ(state(a, "Recent"), TagState::kHas);
}

TEST_F(Judging, TimeInWhichTheEmsHeardNobodyCountsAgainstNobody) {
  save_process_tag();
  TestAgent a;
  join(a);
  report(a, {{keys::process_running("sshd"), true}});
  wait(a, Seconds(600), false);
  ASSERT_FALSE(core->endpoint(a.uid())->online);
  // Away for a day, with what it was before stored.
  clock.advance(kDay);
  restart();
  wait(a, Seconds(1000), false);
  EXPECT_EQ(state(a, "Has-sshd"), TagState::kHas);
  // The machine sleeps, or its clock is set: no ticks meanwhile.
  clock.advance(kDay);
  core->tick(clock.now());
  run();
  EXPECT_EQ(state(a, "Has-sshd"), TagState::kHas);
  wait(a, Seconds(2200), false);
  EXPECT_EQ(state(a, "Has-sshd"), TagState::kUnknown);
}

TEST_F(Judging, AFactOlderThanARuleAllowsIsUnknown) {
  save_tag(R"({"name":"Fresh","rules":[{"id":1,"os":"linux","type":"running-process","processes":["av"],"max_age":600}]})");
  TestAgent a;
  join(a);
  report(a, {{keys::process_running("av"), true}});
  run();
  wait(a, Seconds(1200), true);  // signs of life confirm it
  EXPECT_EQ(state(a, "Fresh"), TagState::kHas);
  wait(a, Seconds(590), false);
  EXPECT_EQ(state(a, "Fresh"), TagState::kHas);
  wait(a, Seconds(30), false);
  EXPECT_EQ(state(a, "Fresh"), TagState::kUnknown);
}

TEST_F(Judging, RestartsExcuseNoSilenceWhileTheEmsRan) {
  save_tag(R"({"name":"Fresh","rules":[{"id":1,"os":"linux","type":"running-process","processes":["av"],"max_age":600}]})");
  TestAgent a;
  join(a);
  report(a, {{keys::process_running("av"), true}});
  run();
  for (int i = 0; i < 20; ++i) {
    wait(a, Seconds(30), false);
    restart();
  }
  wait(a, Seconds(130), false);  // 20 restarts excuse some seconds each at most
  EXPECT_EQ(state(a, "Fresh"), TagState::kUnknown);
}

TEST_F(Judging, AnEndpointsClockThatIsAheadKeepsNothingFresh) {
  save_tag(R"({"name":"Fresh","rules":[{"id":1,"os":"linux","type":"running-process","processes":["av"],"max_age":600}]})");
  TestAgent a;
  join(a);
  const auto wall = clock.now().wall;
  clock.set_wall(wall + 10 * kDay);  // facts are made by this clock
  wire::TelemetryFrame frame;
  auto& r = *frame.mutable_report();
  r.set_seq(++a.seq);
  auto& f = *r.add_facts();
  f.set_key(keys::process_running("av"));
  f.set_boolean(true);
  f.set_collected_at_ms(to_unix_ms(clock.now().wall));
  clock.set_wall(wall);
  send(a, frame);
  run();
  EXPECT_EQ(state(a, "Fresh"), TagState::kHas);
  wait(a, Seconds(620), false);
  EXPECT_EQ(state(a, "Fresh"), TagState::kUnknown);
}

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

// Stored by an EMS for which rules of type classification did not refer to tags.
class OldStore : public Judging {
 protected:
  void refer(const std::string& name, const std::string& to) {
    Tag tag = *core->tag(name);
    const auto undo = codec::tag_row(tag);
    tag.definition.rules = {{.id = 1, .type = "classification", .parameters = {{"tags", std::vector<std::string>{to}}}}};
    old_.at = clock.now().wall;
    old_.rows.push_back({TableId::kTags, std::to_string(tag.id), codec::tag_row(tag)});
    old_.changes.push_back({"tag", name, "{}", undo});
  }
  void start_with_it() {
    ASSERT_TRUE(store.commit(old_));
    clock.advance(Seconds(1));
    alerts.clear();
    restart();
  }
  std::ptrdiff_t told() const { return std::ranges::count(alerts, "tag.not_in_force"); }

 private:
  Batch old_;
};

TEST_F(OldStore, TagsInACircleKeepNobodyFromStartingAndAreUnknown) {
  for (const char* name : {"Kiosk", "A", "B"}) {
    ASSERT_TRUE(save(R"({"kind":"classification","name":")" + std::string(name) + R"("})"));
  }
  ASSERT_TRUE(save(R"({"name":"Spared","rules":[{"id":1,"os":"linux","type":"classification","tags":["Kiosk"],"negate":true}]})"));
  TestAgent a, b;
  join(a);
  join(b);
  ASSERT_TRUE(classify(a, {"Kiosk", "A", "B"}));
  ASSERT_EQ(state(b, "Spared"), TagState::kHas);
  clock.advance(Seconds(1));
  refer("Kiosk", "Kiosk");
  refer("A", "B");
  refer("B", "A");
  start_with_it();
  EXPECT_EQ(told(), 2);  // A goes by B, which is the one that is unknown
  for (const auto* agent : {&a, &b}) {
    for (const char* name : {"Kiosk", "A", "B", "Spared"}) EXPECT_EQ(state(*agent, name), TagState::kUnknown) << name;
  }
  const auto why = core->explain(clock.now(), a.uid(), "Kiosk");
  ASSERT_TRUE(why);
  EXPECT_EQ(why->reason, "not_in_force");
  std::optional<Result<posture::TagExplanation>> then;
  core->explain_past(clock.now(), a.uid(), "Kiosk", clock.now().wall - Seconds(1), [&](auto past) { then = std::move(past); });
  run();
  ASSERT_TRUE(then && *then) << (then ? then->error().message : "");
  EXPECT_EQ((*then)->state, TagState::kUnknown);
  // As it is it is refused and not taken for what is there already.
  const auto same = save(R"({"name":"Kiosk","kind":"classification","rules":[{"id":1,"os":"linux","type":"classification","tags":["Kiosk"]}]})");
  ASSERT_FALSE(same);
  EXPECT_THAT(same.error().message, ::testing::HasSubstr("in a circle"));
  ASSERT_TRUE(save(R"({"name":"Kiosk","kind":"classification"})"));
  EXPECT_EQ(state(a, "Kiosk"), TagState::kHas);
  EXPECT_EQ(state(b, "Kiosk"), TagState::kAbsent);
  EXPECT_EQ(state(b, "Spared"), TagState::kHas);
  alerts.clear();
  restart();
  EXPECT_EQ(told(), 1);
  ASSERT_TRUE(save(R"({"name":"A","kind":"classification"})"));
  ASSERT_TRUE(save(R"({"name":"B","kind":"classification","rules":[{"id":1,"os":"linux","type":"classification","tags":["A"]}]})"));
  EXPECT_EQ(state(a, "B"), TagState::kHas);
  EXPECT_EQ(state(b, "B"), TagState::kAbsent);
}

TEST_F(OldStore, TooManyInARowKeepNobodyFromStartingEither) {
  const auto name = [](std::size_t i) { return "T" + std::to_string(i); };
  constexpr std::size_t kTags = posture::kMaxTagDepth + 8;
  for (std::size_t i = 0; i < kTags; ++i) ASSERT_TRUE(save(R"({"kind":"classification","name":")" + name(i) + R"("})"));
  TestAgent a;
  join(a);
  ASSERT_TRUE(classify(a, {name(kTags - 1)}));
  for (std::size_t i = 0; i + 1 < kTags; ++i) refer(name(i), name(i + 1));
  start_with_it();
  EXPECT_EQ(told(), 1);
  EXPECT_EQ(state(a, name(0)), TagState::kUnknown);
  EXPECT_EQ(state(a, name(posture::kMaxTagDepth - 2)), TagState::kUnknown);
  EXPECT_EQ(state(a, name(posture::kMaxTagDepth)), TagState::kHas);
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

TEST_F(Judging, AnAttributeIsKnownUntilItExpires) {
  TestAgent a;
  join(a);
  const auto key = keys::with(keys::kEmsAttributePrefix, "score.edr");
  const auto value = [&] { return core->endpoint(a.uid())->facts().at(key).value; };
  EXPECT_EQ(attribute(a, "Score!", std::int64_t{7}).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(attribute(a, "score.edr", std::int64_t{101}).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(attribute(a, "score.edr", std::string("50")).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(attribute(a, "x", std::string(300, 'x')).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(attribute(a, "x", true, Seconds(10)).error().code, ErrorCode::kInvalidArgument);
  ASSERT_TRUE(attribute(a, "score.edr", std::int64_t{87}, Seconds(600)));
  EXPECT_EQ(value(), posture::FactValue(std::int64_t{87}));
  restart();
  connect(a, a.seq);
  EXPECT_EQ(value(), posture::FactValue(std::int64_t{87}));
  wait(a, Seconds(590), true);
  EXPECT_EQ(value(), posture::FactValue(std::int64_t{87}));
  wait(a, Seconds(20), true);
  EXPECT_EQ(value(), posture::FactValue(posture::Unknown{posture::UnknownReason::kStale}));
  Status removed = fail(ErrorCode::kInternal, "");
  core->remove_attribute(clock.now(), admin, a.uid(), "score.edr", [&](Status done) { removed = done; });
  run();
  ASSERT_TRUE(removed);
  EXPECT_FALSE(core->endpoint(a.uid())->facts().contains(key));
  for (int i = 0; i < 64; ++i) ASSERT_TRUE(attribute(a, "n" + std::to_string(i), true));
  EXPECT_EQ(attribute(a, "one-more", true).error().code, ErrorCode::kResourceExhausted);
}

TEST_F(Judging, AnAttributeExpiresAlthoughStoringFailsInThatMoment) {
  save_tag(R"({"name":"Good","rules":[{"id":1,"os":"linux","type":"attribute","name":"mdm","op":"=","value":"true"}]})");
  TestAgent a;
  join(a);
  ASSERT_TRUE(attribute(a, "mdm", true, Seconds(600)));
  EXPECT_EQ(core->audit(~std::uint64_t{0}, 1)->front().detail.substr(0, 17), "mdm = true, until");
  wait(a, Seconds(590), true);
  ASSERT_EQ(state(a, "Good"), TagState::kHas);
  store.fail_commits(Error{ErrorCode::kResourceExhausted, "the disk is full"});
  wait(a, Seconds(20), false);
  store.fail_commits(std::nullopt);
  wait(a, Seconds(10), false);
  EXPECT_EQ(state(a, "Good"), TagState::kUnknown);
}

TEST_F(Judging, AnAttributeExpiresWhateverElseWasDueBefore) {
  save_tag(R"({"name":"Good","rules":[{"id":1,"os":"linux","type":"attribute","name":"mdm","op":"=","value":"true"}]})");
  save_tag(kHeldTag);
  TestAgent a;
  join(a);
  ASSERT_TRUE(attribute(a, "mdm", true, Seconds(7200)));
  report(a, {{keys::process_running("av"), true}});
  report(a, {{keys::process_running("av"), false}});  // held until long before that
  run();
  wait(a, Seconds(3600), true);
  ASSERT_EQ(state(a, "Healthy"), TagState::kAbsent);
  ASSERT_EQ(state(a, "Good"), TagState::kHas);
  wait(a, Seconds(3620), true);
  EXPECT_EQ(state(a, "Good"), TagState::kUnknown);
}

TEST_F(Judging, WhoHasATagAgainByAnEditLosesItWithTheWholeDelay) {
  save_tag(kHeldTag);
  TestAgent a;
  join(a);
  report(a, {{keys::process_running("av"), true}});
  run();
  auto other = std::string(kHeldTag);
  other.replace(other.find("\"av\""), 4, "\"xx\"");
  report(a, {{keys::process_running("xx"), false}});
  run();
  ASSERT_TRUE(save(other));
  ASSERT_EQ(core->endpoint(a.uid())->held.size(), 1u);
  const auto first = core->endpoint(a.uid())->held[0].until;
  wait(a, Seconds(10), true);
  ASSERT_TRUE(save(kHeldTag));
  EXPECT_TRUE(core->endpoint(a.uid())->held.empty());
  report(a, {{keys::process_running("av"), false}});
  run();
  ASSERT_EQ(core->endpoint(a.uid())->held.size(), 1u);
  EXPECT_EQ(core->endpoint(a.uid())->held[0].until, first + Seconds(10));
}

TEST_F(Judging, QuarantineIsAFact) {
  TestAgent a;
  join(a);
  const auto quarantined = [&] { return *core->endpoint(a.uid())->facts().at(std::string(keys::kEmsQuarantined)).as<bool>(); };
  EXPECT_FALSE(quarantined());
  core->quarantine(clock.now(), admin, a.uid(), "", nullptr);
  run();
  EXPECT_TRUE(quarantined());
  core->unquarantine(clock.now(), admin, a.uid(), nullptr);
  run();
  EXPECT_FALSE(quarantined());
}

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
