// Why an endpoint has a tag or not, now and then: what it takes of the loop, and what is said of tags that are only kept.
#include <gmock/gmock.h>

#include "ems/core/test_lab.h"
#include "posture/fact_keys.h"

namespace postern::ems::testing {
namespace {

namespace keys = posture::keys;
using posture::TagState;
using ::testing::HasSubstr;
using ::testing::Not;

class Explaining : public Lab {
 protected:
  void process(TestAgent& agent, const char* name, bool runs) {
    report(agent, {{keys::process_running(name), runs}});
    run();
    clock.advance(Seconds(1));
  }
  void ask(TestAgent& agent, const char* tag, WallTime at) {
    answer = fail(ErrorCode::kInternal, "never answered");
    answered = false;
    core->explain_past(clock.now(), agent.uid(), tag, at, [this](auto why) {
      answered = true;
      answer = std::move(why);
    });
  }
  /// One flush, as a loop does between other things.
  void flush_once() {
    if (core->flush_wanted()) core->flush(clock.now());
    for (auto& action : core->take_actions()) {
      if (auto* complete = std::get_if<act::Complete>(&action)) complete->call();
    }
  }

  /// A time at which it has Has-sshd, a second ago.
  WallTime joined_with_tag(TestAgent& agent) {
    save_process_tag();
    join(agent);
    process(agent, "sshd", true);
    const auto then = clock.now().wall;
    clock.advance(Seconds(1));
    return then;
  }

  bool answered = false;
  Result<posture::TagExplanation> answer;
};

TEST_F(Explaining, ALongWayBackHoldsNobodyUp) {
  TestAgent a;
  const auto then = joined_with_tag(a);
  for (int i = 0; i < 1'200; ++i) process(a, "sshd", i % 2 != 0);
  process(a, "sshd", false);
  ask(a, "Has-sshd", then);
  // Others' turns come in between, and what they change changes nothing of the answer.
  int turns = 0;
  for (; !answered && turns < 1'000; ++turns) {
    bool made = false;
    core->create_invitation(clock.now(), admin, Seconds(3600), 1, "", [&](auto) { made = true; });
    if (turns == 2) report(a, {{keys::process_running("sshd"), true}, {keys::process_running("other"), true}});
    flush_once();
    EXPECT_TRUE(made) << turns;
  }
  EXPECT_GT(turns, 5);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->state, TagState::kHas);
  EXPECT_EQ(answer->reason, "logic");
  EXPECT_EQ(answer->rules.at(0).facts.at(0).text, "true");
  run();
}

TEST_F(Explaining, EachWhoAsksIsAnsweredAndTooManyAreToldSo) {
  TestAgent a;
  const auto then = joined_with_tag(a);
  process(a, "sshd", false);
  std::size_t has = 0, refused = 0;
  for (std::size_t i = 0; i < EmsCore::kMaxPastQuestions + 3; ++i) {
    core->explain_past(clock.now(), a.uid(), "Has-sshd", then, [&](Result<posture::TagExplanation> why) {
      if (why) {
        has += why->state == TagState::kHas;
      } else {
        EXPECT_EQ(why.error().code, ErrorCode::kUnavailable);
        ++refused;
      }
    });
  }
  run();
  EXPECT_EQ(has, EmsCore::kMaxPastQuestions);
  EXPECT_EQ(refused, 3u);
}

TEST_F(Explaining, OfAnEndpointThatGoesMeanwhileItIsSaid) {
  save_process_tag();
  TestAgent a;
  join(a);
  const auto uid = a.uid();
  process(a, "sshd", true);
  const auto then = clock.now().wall;
  clock.advance(Seconds(1));
  core->deregister(clock.now(), admin, uid, nullptr);
  run();
  ask(a, "Has-sshd", then);
  core->remove_endpoint(clock.now(), admin, uid, nullptr);
  run();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kNotFound);
}

TEST_F(Explaining, ThePastKnowsTheBuiltInTagToo) {
  save_tag(R"({"name":"T","rules":[{"id":1,"os":"linux","type":"tag","tags":["all_registered_clients"]}]})");
  TestAgent a;
  join(a);
  process(a, "sshd", true);
  const auto then = clock.now().wall;
  clock.advance(Seconds(1));
  process(a, "sshd", false);
  for (const char* tag : {"T", "all_registered_clients"}) {
    ask(a, tag, then);
    run();
    ASSERT_TRUE(answer) << tag << ": " << answer.error().message;
    EXPECT_EQ(answer->state, TagState::kHas) << tag;
  }
}

TEST_F(Explaining, AnAttributesExpiryIsToldWhereItDecides) {
  save_tag(R"json({"name":"Scored","rules":[{"id":1,"os":"linux","type":"external-score","provider":"edr","op":">=","score":80},
    {"id":2,"os":"linux","type":"running-process","processes":["av"]},
    {"id":3,"os":"linux","type":"attribute","name":"owner","op":"=","value":"J"}],"logic":{"linux":"(1 or 2) and (3 or not 3)"}})json");
  save_tag(R"({"name":"Above","rules":[{"id":1,"os":"linux","type":"tag","tags":["Scored"]}]})");
  TestAgent a;
  join(a);
  process(a, "av", false);
  core->set_attribute(clock.now(), admin, a.uid(), "score.edr", std::int64_t{90}, Seconds(3600), nullptr);
  run();
  const auto ends = clock.now().wall + Seconds(3600);
  const auto until = [&](const char* tag) { return core->explain(clock.now(), a.uid(), tag)->until; };
  EXPECT_EQ(until("Scored"), std::nullopt);  // nobody knows of the owner
  core->set_attribute(clock.now(), admin, a.uid(), "owner", std::string("J"), Seconds(7200), nullptr);
  run();
  EXPECT_EQ(until("Scored"), ends);
  EXPECT_EQ(until("Above"), ends);
  process(a, "av", true);
  const auto owner_ends = ends + Seconds(3600);
  EXPECT_EQ(until("Scored"), owner_ends);  // the score decides nothing any more
  EXPECT_EQ(until("Above"), owner_ends);
}

TEST_F(Explaining, WhatATagsDelayKeepsOthersGoWithoutAndItIsSaid) {
  save_tag(R"({"name":"Kept","loss_delay":120,"rules":[{"id":1,"os":"linux","type":"running-process","processes":["av"]}]})");
  save_tag(R"({"name":"Above","rules":[{"id":1,"os":"linux","type":"tag","tags":["Kept"]}]})");
  TestAgent a;
  join(a);
  process(a, "av", true);
  process(a, "av", false);
  const auto then = clock.now().wall;
  const auto until = to_iso8601(core->endpoint(a.uid())->held.at(0).until);
  const auto state = [&](const char* tag) { return core->endpoint(a.uid())->tag(core->engine().id_of(tag)); };
  EXPECT_EQ(state("Kept"), TagState::kHas);
  EXPECT_EQ(state("Above"), TagState::kAbsent);
  const auto kept = core->explain(clock.now(), a.uid(), "Kept");
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->reason, "held");
  EXPECT_EQ(to_iso8601(*kept->until), until);
  const auto above = core->explain(clock.now(), a.uid(), "Above");
  ASSERT_TRUE(above);
  EXPECT_EQ(above->state, state("Above"));
  EXPECT_EQ(above->rules[0].text, "the endpoint does not have the other tag; it is still said to have Kept (the tag's loss_delay "
                                  "keeps it until " + until + "), but a rule that reads another tag goes by that one's rules");
  EXPECT_EQ(above->rules[0].facts[0].text, "false by its rules; the tag's loss_delay keeps it until " + until);
  // The same in hindsight.
  clock.advance(Seconds(130));
  core->tick(clock.now());
  run();
  EXPECT_EQ(state("Kept"), TagState::kAbsent);
  EXPECT_THAT(core->explain(clock.now(), a.uid(), "Above")->rules[0].text, Not(HasSubstr("still said")));
  ask(a, "Above", then);
  run();
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->state, TagState::kAbsent);
  EXPECT_THAT(answer->rules[0].text, HasSubstr("still said to have Kept (the tag's loss_delay still kept it)"));
  ask(a, "Kept", then);
  run();
  EXPECT_EQ(answer->reason, "held");
}

TEST_F(Explaining, ThatAnAttributeIsNotKnownIsSaidOfTheAttribute) {
  save_tag(R"json({"name":"Scored","rules":[{"id":1,"os":"linux","type":"external-score","provider":"edr","op":">=","score":50,
    "max_age":600}]})json");
  TestAgent a;
  join(a);
  run();
  const auto rule = [&] {
    const auto why = core->explain(clock.now(), a.uid(), "Scored");
    EXPECT_TRUE(why);
    EXPECT_EQ(why->state, TagState::kUnknown);
    return why->rules.at(0);
  };
  auto told = rule();
  EXPECT_EQ(told.reason, "attribute_unset");
  EXPECT_EQ(told.text, "nobody has set the attribute score.edr of this endpoint");
  EXPECT_EQ(told.facts.at(0).text, "not set");

  const auto set = [&](Seconds life) {
    core->set_attribute(clock.now(), admin, a.uid(), "score.edr", std::int64_t{87}, life, nullptr);
    run();
    return to_iso8601(clock.now().wall);
  };
  const auto wait = [&](Seconds seconds) {
    clock.advance(seconds);
    core->tick(clock.now());
    run();
  };
  auto set_at = set(Seconds(120));
  const auto expires = to_iso8601(clock.now().wall + Seconds(120));
  wait(Seconds(130));
  told = rule();
  EXPECT_EQ(told.reason, "attribute_expired");
  EXPECT_EQ(told.text, "the attribute score.edr expired on " + expires + "; it was 87, set by admin on " + set_at);
  EXPECT_EQ(told.facts.at(0).text, "expired; it was 87");

  set_at = set(Seconds(3600));
  wait(Seconds(601));
  told = rule();
  EXPECT_EQ(told.reason, "attribute_too_old");
  EXPECT_EQ(told.text, "the attribute score.edr is 87, set by admin on " + set_at + ": longer ago than the rule takes");
  EXPECT_EQ(told.facts.at(0).text, "87");
}

TEST_F(Explaining, ATagThatNobodyKnowsBecauseOfTheTagTimeoutSaysSo) {
  save_tag(R"({"name":"M","rules":[{"id":1,"os":"linux","type":"ems-management"}]})");
  TestAgent a;
  join(a);
  run();
  const auto heard = to_iso8601(core->endpoint(a.uid())->last_seen);
  clock.advance(Seconds(2 * 3600));
  core->tick(clock.now());
  run();
  ASSERT_EQ(core->endpoint(a.uid())->tag(core->engine().id_of("M")), TagState::kUnknown);
  const auto why = core->explain(clock.now(), a.uid(), "M");
  ASSERT_TRUE(why);
  EXPECT_EQ(why->reason, "silent");
  EXPECT_EQ(why->text, "nothing was heard of it since " + heard + "; what an endpoint reported counts for 1 hour after that (the "
                       "EMS's --tag-timeout), so until it reports again nobody knows of any tag that has rules");
  clock.advance(Seconds(2 * 3600));
  ask(a, "M", clock.now().wall);
  run();
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->reason, "silent");
  EXPECT_THAT(answer->text, ::testing::StartsWith("it was offline, and what it had reported was confirmed until " + heard));
  EXPECT_THAT(answer->text, HasSubstr("counts for 1 hour"));
}

TEST_F(Explaining, WhichDetectionSetDecidesOrThatThereIsNone) {
  save_tag(R"({"name":"Here","rules":[{"id":1,"os":"linux","type":"on-fabric-status"}]})");
  TestAgent a;
  join(a);
  const auto rule = [&] { return core->explain(clock.now(), a.uid(), "Here")->rules.at(0); };
  EXPECT_EQ(rule().reason, "no_detection_sets");
  EXPECT_EQ(rule().text, "its endpoint profile Default has no detection sets: nobody said where on-fabric is");
  EXPECT_EQ(rule().facts.at(0).text, "no detection sets");
  const auto then = clock.now().wall;
  clock.advance(Seconds(1));
  const auto set = [&](const char* server) {
    posture::DetectionSet office{"Office", {{"dns-server", {{"servers", std::vector<std::string>{server}}}}}};
    core->set_detection(clock.now(), admin, "Default", {office}, nullptr);
    run();
  };
  set("10.0.1.53");
  EXPECT_EQ(rule().reason, "detection_unknown");
  EXPECT_THAT(rule().text, HasSubstr("no detection set of its endpoint profile Default decides; the set Office is unknown: dns-server ("));
  EXPECT_THAT(rule().text, HasSubstr("it was never reported"));
  report(a, {{std::string(keys::kDnsServers), std::vector<std::string>{"10.0.1.53"}}});
  run();
  EXPECT_EQ(rule().verdict, posture::Verdict::kMatch);
  EXPECT_THAT(rule().text, HasSubstr("the endpoint is on-fabric by its endpoint profile Default: the set Office holds: dns-server ("));
  set("10.0.1.54");
  EXPECT_EQ(rule().verdict, posture::Verdict::kNoMatch);
  EXPECT_THAT(rule().text, HasSubstr("the set Office fails: dns-server ("));
  ask(a, "Here", then);
  run();
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->rules.at(0).reason, "on_fabric_undecided");
}

TEST_F(Explaining, WhatIsWrongWithATagThatARuleRefersTo) {
  save_process_tag();
  save_tag(R"({"name":"Of","rules":[{"id":1,"os":"linux","type":"tag","tags":["Has-sshd"]}]})");
  TestAgent a;
  join(a);
  const auto rule = [&] { return core->explain(clock.now(), a.uid(), "Of")->rules.at(0); };
  EXPECT_EQ(rule().reason, "tag_unknown");
  save_tag(R"({"name":"Has-sshd","enabled":false,"rules":[{"id":1,"os":"linux","type":"running-process","processes":["sshd"]}]})");
  EXPECT_EQ(rule().reason, "tag_disabled");
  EXPECT_EQ(rule().text, "the tag Has-sshd is disabled");
  EXPECT_EQ(rule().facts.at(0).text, "disabled");
}

TEST_F(Explaining, WhatKeepsATagGivenByHandIsNoRule) {
  save_tag(R"({"name":"Kiosk","kind":"classification","loss_delay":60})");
  TestAgent a;
  join(a);
  for (const auto& tags : {std::vector<std::string>{"Kiosk"}, std::vector<std::string>()}) {
    core->classify(clock.now(), admin, a.uid(), tags, nullptr);
    run();
  }
  const auto why = core->explain(clock.now(), a.uid(), "Kiosk");
  EXPECT_EQ(why->reason, "held");
  EXPECT_TRUE(why->text.starts_with("it was taken away, and the tag's loss_delay keeps it until ")) << why->text;
}

TEST_F(Explaining, AnAttributeThatWasOverThenHadExpired) {
  save_tag(R"({"name":"Scored","rules":[{"id":1,"os":"linux","type":"attribute","name":"owner","op":"=","value":"x"}]})");
  TestAgent a;
  join(a);
  core->set_attribute(clock.now(), admin, a.uid(), "owner", std::string("x"), Seconds(60), nullptr);
  run();
  clock.advance(Seconds(61));
  core->tick(clock.now());
  run();
  const auto then = clock.now().wall;
  clock.advance(Seconds(1));
  ask(a, "Scored", then);
  run();
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->rules.at(0).reason, "attribute_expired");
  EXPECT_EQ(answer->rules.at(0).text, "the attribute owner had expired");
  EXPECT_EQ(answer->rules.at(0).facts.at(0).text, "expired");
}

TEST_F(Explaining, AnAccountThatNobodyNamedIsMissingInItsFile) {
  save_tag(R"({"name":"Who","rules":[{"id":1,"os":"linux","type":"user-identity","service":"Google","account":"a@example.org"}]})");
  TestAgent a;
  join(a);
  report(a, {{"user.identity:Google", posture::Unknown{posture::UnknownReason::kUnsupported}}});
  run();
  const auto told = core->explain(clock.now(), a.uid(), "Who")->rules.at(0);
  EXPECT_EQ(told.reason, "no_identity");
  EXPECT_THAT(told.text, HasSubstr("/etc/postern/identity.conf is not there, or has no line Google=ACCOUNT"));
}

TEST_F(Lab, ExplainsNowAndAtAPastMoment) {
  save_process_tag();
  TestAgent a;
  join(a);
  report(a, {{keys::process_running("sshd"), true}});
  run();
  const auto then = clock.now().wall;
  clock.advance(std::chrono::minutes(10));
  report(a, {{keys::process_running("sshd"), false}});
  run();
  const auto now = core->explain(clock.now(), a.uid(), "Has-sshd");
  ASSERT_TRUE(now);
  EXPECT_EQ(now->state, posture::TagState::kAbsent);
  const auto then_why = [&](const char* tag, WallTime at) {
    Result<posture::TagExplanation> out = fail(ErrorCode::kInternal, "never answered");
    core->explain_past(clock.now(), a.uid(), tag, at, [&](auto why) { out = std::move(why); });
    run();
    return out;
  };
  const auto past = then_why("Has-sshd", then);
  ASSERT_TRUE(past) << past.error().message;
  EXPECT_EQ(past->state, posture::TagState::kHas);
  EXPECT_EQ(then_why("Has-sshd", then - Millis(10'000'000)).error().message, "the endpoint had not enrolled then");
  // Of a tag that is gone since, too.
  core->delete_tag(clock.now(), admin, "Has-sshd", nullptr);
  run();
  const auto gone = then_why("Has-sshd", then);
  ASSERT_TRUE(gone) << gone.error().message;
  EXPECT_EQ(gone->state, past->state);
  EXPECT_EQ(core->explain(clock.now(), a.uid(), "Has-sshd").error().message, "there is no tag Has-sshd");
  EXPECT_EQ(then_why("Never", then).error().message, "there was no tag Never then");
  const auto history = core->history(a.uid().str(), 0, 100);
  ASSERT_TRUE(history);
  EXPECT_TRUE(std::ranges::any_of(*history, [](const Change& c) {
    return c.kind == "endpoint_tags" && c.json.find("Has-sshd") != std::string::npos;
  }));
  // Times are times there, too.
  report(a, {{std::string(keys::kUpdatedAt), std::int64_t{1'795'706'523'181}}});
  run();
  const auto later = core->history(a.uid().str(), 0, 100);
  ASSERT_TRUE(later);
  EXPECT_TRUE(std::ranges::any_of(*later, [](const Change& c) {
    return c.kind == "facts" && c.json.find(R"("after":"2026-11-26T15:22:03.181Z")") != std::string::npos;
  }));
}

}  // namespace
}  // namespace postern::ems::testing
