#include "ems/core/test_lab.h"
#include "posture/tag_json.h"
#include "proto/fabric_server.h"
#include "wire/fabric.pb.h"

namespace postern::ems::testing {
namespace {

class WhatIfTest : public Lab {
 protected:
  posture::TagDefinition draft(const char* process) {
    return *posture::parse_tag_json(std::string(R"({"name":"Has-sshd","rules":[{"id":1,"os":"linux","type":"running-process","processes":[")") +
                                    process + R"("]}]})");
  }
  std::optional<SessionsCut> ask(const posture::TagDefinition& draft) { return ask(ChangeSet{{draft}, {}}); }
  std::optional<SessionsCut> ask(ChangeSet set, CutWhen when = CutWhen::kAtOnce) {
    const auto changes = core->what_if(clock.now(), std::move(set));
    EXPECT_TRUE(changes);
    out_.reset();
    core->sessions_cut(clock.now(), *changes, when, [this](Result<SessionsCut> cut) { out_ = *cut; });
    run();
    return out_;
  }
  std::optional<SessionsCut> out_;
};

TEST_F(WhatIfTest, GatewaysSayWhichSessionsWouldEndAndWhoIsSilentIsNamed) {
  save_process_tag();
  TestAgent a;
  join(a);
  report(a, {{keys::process_running("sshd"), true}, {keys::process_running("cups"), false}});
  TestGateway gateway("PGW0000000000001", 1), silent("PGW0000000000002", 2);
  gateway.what_if = [&](const proto::fabric::WhatIf& question) {
    EXPECT_EQ(question.tags.at(0).tag, "Has-sshd");
    EXPECT_EQ(question.tags.at(0).lose, std::vector{a.uid()});
    return std::vector<proto::fabric::SessionsCut>{{a.uid(), 3}, {EndpointUid(std::string(32, 'F')), 8}, {a.uid(), 5}};
  };
  for (auto* one : {&gateway, &silent}) {
    set_interface(*one, kPort1);
    connect(*one);
    ASSERT_TRUE(authorise(*one));
  }
  EXPECT_FALSE(ask(draft("cups")));  // one has not answered yet
  clock.advance(EmsCore::kWhatIfPatience);
  core->tick(clock.now());
  run();
  ASSERT_TRUE(out_);
  EXPECT_EQ(out_->total, 3u);
  ASSERT_EQ(out_->cuts.size(), 1u);  // an endpoint that isn't there has no sessions
  EXPECT_EQ(out_->cuts[0].gateway, serial_of(gateway));
  EXPECT_EQ(out_->silent, std::vector{serial_of(silent)});
  EXPECT_EQ(core->tag("Has-sshd")->definition, draft("sshd"));  // nothing was saved

  // One that leaves meanwhile is silent too, and nobody waits for it.
  connect(a, a.seq);
  EXPECT_FALSE(ask(draft("cups")));
  disconnect(silent);
  run();
  ASSERT_TRUE(out_);
  EXPECT_EQ(out_->silent, std::vector{serial_of(silent)});
  // Where nothing would change there is nothing to ask.
  const auto same = ask(draft("sshd"));
  ASSERT_TRUE(same);
  EXPECT_EQ(same->total, 0u);
}

// What the draft's delay keeps is lost when it is over, and not on saving: as the engine has it.
TEST_F(WhatIfTest, WhoLosesATagKeepsItForItsDelay) {
  save_process_tag();
  save_tag(R"({"name":"Both","rules":[{"id":1,"os":"linux","type":"tag","tags":["Has-sshd"]}]})");
  TestAgent a;
  join(a);
  report(a, {{keys::process_running("sshd"), true}, {keys::process_running("cups"), false}});
  TestGateway gateway("PGW0000000000001", 1);
  std::vector<std::string> lost;
  gateway.what_if = [&](const proto::fabric::WhatIf& question) {
    lost.clear();
    for (const auto& tag : question.tags) {
      if (!tag.lose.empty()) lost.push_back(tag.tag);
    }
    return std::vector<proto::fabric::SessionsCut>{{a.uid(), static_cast<std::uint32_t>(lost.size())}};
  };
  ASSERT_TRUE(join(gateway));
  auto delayed = draft("cups");
  delayed.loss_delay = Seconds(3600);
  const auto changes = core->what_if(clock.now(), delayed);
  ASSERT_TRUE(changes);
  EXPECT_TRUE(changes->lost_later());
  EXPECT_EQ(changes->tags.at(0).lose.count, 1u);
  EXPECT_EQ(changes->tags.at(0).kept_for, Seconds(3600));
  EXPECT_EQ(changes->referring.at(0).kept_for, Seconds(0));  // goes by the other's rules, and has no delay of its own
  EXPECT_EQ(ask({{delayed}, {}}, CutWhen::kAtOnce)->total, 1u);
  EXPECT_EQ(lost, std::vector<std::string>{"Both"});
  EXPECT_EQ(ask({{delayed}, {}}, CutWhen::kInTheEnd)->total, 2u);
  EXPECT_EQ(lost.size(), 2u);
  // Disabled, it is lost at once whatever its delay.
  delayed.enabled = false;
  EXPECT_FALSE(core->what_if(clock.now(), delayed)->lost_later());
  // That is what saving does.
  delayed.enabled = true;
  core->save_tag(clock.now(), admin, "Has-sshd", delayed, false, nullptr);
  run();
  const auto state = [&](const char* tag) { return core->endpoint(a.uid())->tags().state(core->engine().id_of(tag)); };
  EXPECT_EQ(state("Has-sshd"), posture::TagState::kHas);
  EXPECT_EQ(state("Both"), posture::TagState::kAbsent);
  // Whom the saved delay keeps it loses it at once by a draft without one.
  const auto at_once = core->what_if(clock.now(), draft("cups"));
  ASSERT_TRUE(at_once);
  EXPECT_EQ(at_once->tags.at(0).lose.count, 1u);
  EXPECT_FALSE(at_once->lost_later());
  core->save_tag(clock.now(), admin, "Has-sshd", draft("cups"), false, nullptr);
  run();
  EXPECT_EQ(state("Has-sshd"), posture::TagState::kAbsent);
}

TEST_F(WhatIfTest, AGatewayHearsOnlyOfEndpointsThatItKnows) {
  save_process_tag();
  TestAgent a, elsewhere;
  join(a);
  join(elsewhere, "02:00:00:00:00:99");
  for (auto* one : {&a, &elsewhere}) report(*one, {{keys::process_running("sshd"), true}, {keys::process_running("cups"), false}});
  TestGateway gateway("PGW0000000000001", 1), nobodys("PGW0000000000002", 2);
  std::vector<EndpointUid> heard;
  gateway.what_if = [&](const proto::fabric::WhatIf& question) {
    heard = question.tags.at(0).lose;
    return std::vector<proto::fabric::SessionsCut>{{a.uid(), 1}, {elsewhere.uid(), 9}};
  };
  nobodys.what_if = [](const proto::fabric::WhatIf&) {
    ADD_FAILURE() << "asked about endpoints that it does not know";
    return std::vector<proto::fabric::SessionsCut>{};
  };
  set_interface(gateway, kPort1);
  for (auto* one : {&gateway, &nobodys}) {
    connect(*one);
    ASSERT_TRUE(authorise(*one));
  }
  const auto cut = ask(draft("cups"));
  ASSERT_TRUE(cut);
  EXPECT_EQ(heard, std::vector{a.uid()});
  EXPECT_EQ(cut->total, 1u);  // of the other one it has nothing to say
  EXPECT_TRUE(cut->silent.empty());
}

TEST_F(WhatIfTest, WhoWasUnknownAndIsSaidNotToHaveItIsTold) {
  save_process_tag();
  TestAgent a;
  join(a);
  report(a, {{keys::process_running("cups"), false}});
  run();
  auto wanted = draft("cups");
  wanted.on_unknown = posture::OnUnknown::kIgnore;
  const auto changes = core->what_if(clock.now(), wanted);
  ASSERT_TRUE(changes);
  EXPECT_EQ(changes->tags.at(0).become_absent.count, 1u);
  EXPECT_EQ(changes->tags.at(0).become_absent.uids, std::vector{a.uid()});
  EXPECT_EQ(changes->tags.at(0).unknown_after, 0u);
  EXPECT_TRUE(changes->tags.at(0).policies_differ);
}

TEST_F(WhatIfTest, ADraftMayReferToTagsAndIsToldWhoRefersToIt) {
  save_process_tag();
  TestAgent a;
  join(a);
  report(a, {{keys::process_running("sshd"), true}});
  run();
  save_tag(R"({"name":"Both","rules":[{"id":1,"os":"linux","type":"tag","tags":["Has-sshd"]}]})");
  EXPECT_EQ(core->endpoint(a.uid())->tags().state(core->engine().id_of("Both")), posture::TagState::kHas);
  const auto other = posture::parse_tag_json(R"({"name":"New","rules":[{"id":1,"os":"linux","type":"tag","tags":["Both"]}]})");
  const auto gains = core->what_if(clock.now(), *other);
  ASSERT_TRUE(gains);
  EXPECT_EQ(gains->tags.at(0).gain.uids, std::vector{a.uid()});
  EXPECT_TRUE(gains->referring.empty());
  // Who refers to it follows it, and is told with whom it changes.
  report(a, {{keys::process_running("cups"), false}});
  run();
  const auto lost = core->what_if(clock.now(), draft("cups"));
  ASSERT_TRUE(lost);
  EXPECT_EQ(lost->tags.at(0).lose.uids, std::vector{a.uid()});
  EXPECT_EQ(lost->tags.at(0).has_after, 0u);
  EXPECT_EQ(core->referring_tags("Has-sshd"), std::vector<std::string>{"Both"});
  ASSERT_EQ(lost->referring.size(), 1u);
  EXPECT_EQ(lost->referring[0].name, "Both");
  EXPECT_EQ(lost->referring[0].lose.uids, std::vector{a.uid()});
  const auto circle = posture::parse_tag_json(R"({"name":"Has-sshd","rules":[{"id":1,"os":"linux","type":"tag","tags":["Both"]}]})");
  EXPECT_EQ(core->what_if(clock.now(), *circle).error().code, ErrorCode::kInvalidArgument);
}

TEST_F(WhatIfTest, AGatewayIsAskedAboutTagsThatGoAndAboutWhatUnknownMeans) {
  save_process_tag();
  save_tag(R"({"name":"Both","rules":[{"id":1,"os":"linux","type":"tag","tags":["Has-sshd"]}]})");
  TestAgent a;
  join(a);
  report(a, {{keys::process_running("sshd"), true}});
  TestGateway gateway("PGW0000000000001", 1);
  std::vector<proto::fabric::TagWhatIf> heard;
  gateway.what_if = [&](const proto::fabric::WhatIf& question) {
    heard = question.tags;
    return std::vector<proto::fabric::SessionsCut>{{a.uid(), 1}};
  };
  ASSERT_TRUE(join(gateway));
  auto disabled = draft("sshd");
  disabled.enabled = false;
  ASSERT_EQ(ask(disabled)->total, 1u);
  ASSERT_EQ(heard.size(), 2u);
  EXPECT_EQ(heard[0].tag, "Has-sshd");
  EXPECT_TRUE(heard[0].gone);
  EXPECT_EQ(heard[1].tag, "Both");
  EXPECT_FALSE(heard[1].gone);
  EXPECT_EQ(heard[1].lose.size() + heard[1].become_unknown.size(), 1u);
  auto ignoring = draft("sshd");
  ignoring.on_unknown = posture::OnUnknown::kIgnore;
  ASSERT_EQ(ask(ignoring)->total, 1u);
  ASSERT_EQ(heard.size(), 1u);
  EXPECT_TRUE(heard[0].ignore_unknown);
  EXPECT_FALSE(heard[0].gone);
  // Removed together with the one that refers to it.
  ASSERT_EQ(ask({{}, {"Has-sshd", "Both"}})->total, 1u);
  ASSERT_EQ(heard.size(), 2u);
  EXPECT_TRUE(heard[0].gone && heard[1].gone);
  // Of another kind it is another name there.
  auto moved = draft("sshd");
  moved.kind = posture::TagKind::kClassification;
  ASSERT_EQ(ask(moved)->total, 1u);
  ASSERT_EQ(heard.size(), 1u);
  EXPECT_TRUE(heard[0].gone);
  EXPECT_EQ(heard[0].kind, "security");
  EXPECT_EQ(core->tags().size(), 3u);  // nothing was saved
  EXPECT_TRUE(core->work().empty());
}

TEST_F(WhatIfTest, WhatCouldKeepAllOthersWaitingNotEverybodyMayAsk) {
  options.what_if_judged = 4;
  restart();
  TestAgent a, b;
  join(a);
  join(b);
  auto other = draft("cups");
  other.name = TagName("Other");
  EXPECT_TRUE(core->check_question({{draft("sshd"), other}, {}}));
  other.rules.push_back(other.rules.front());
  other.rules.back().id = 2;
  const auto refused = core->check_question({{draft("sshd"), other}, {"Third"}});
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().message.starts_with("3 rules are asked about, and with 2 endpoints at most 2 are at once")) << refused.error().message;
  EXPECT_TRUE(core->check_question({{other}, {}}));
}

// Policies that deny by a tag let nobody through while it is disabled, and who doesn't have it once it is there again.
TEST_F(WhatIfTest, ATagThatPoliciesFindAgainIsSaidToBeBack) {
  const auto back = [&](const posture::TagDefinition& definition) {
    const auto would = core->what_if(clock.now(), definition);
    EXPECT_TRUE(would);
    return would && would->tags.at(0).back;
  };
  auto tag = draft("sshd");
  EXPECT_FALSE(back(tag));  // no policy can name it yet
  save_process_tag();
  EXPECT_FALSE(back(tag));
  EXPECT_FALSE(back(draft("cups")));
  auto moved = tag;
  moved.kind = posture::TagKind::kClassification;
  EXPECT_TRUE(back(moved));
  tag.enabled = false;
  EXPECT_FALSE(back(tag));
  save_tag(posture::print_tag_json(tag));
  EXPECT_TRUE(back(draft("sshd")));
  moved.enabled = false;
  EXPECT_FALSE(back(moved));
}

TEST_F(WhatIfTest, WhatNamesTooManyEndpointsIsCutAndNobodyIsAskedAboutAPart) {
  options.what_if_listed = 7;
  restart();
  save_process_tag();
  save_process_tag("Also-sshd");
  std::vector<TestAgent> agents(4);
  for (auto& a : agents) {
    join(a);
    report(a, {{keys::process_running("sshd"), true}, {keys::process_running("cups"), false}});
  }
  report(agents[0], {{keys::process_running("cups"), true}});
  TestGateway gateway("PGW0000000000001", 1);
  std::size_t asked = 0;
  gateway.what_if = [&](const proto::fabric::WhatIf&) {
    ++asked;
    return std::vector<proto::fabric::SessionsCut>{{agents[1].uid(), 1}};
  };
  ASSERT_TRUE(join(gateway));
  auto other = draft("cups"), third = draft("cups");
  other.name = TagName("Also-sshd");
  third.name = TagName("New");
  // Three each lose one of two tags, and one gains the third: that one is named whole.
  const auto changes = core->what_if(clock.now(), ChangeSet{{draft("cups"), other, third}, {}});
  ASSERT_TRUE(changes);
  ASSERT_EQ(changes->tags.size(), 3u);
  std::size_t listed = 0;
  for (const auto& tag : changes->tags) {
    listed += tag.gain.uids.size() + tag.lose.uids.size() + tag.become_unknown.uids.size();
    EXPECT_EQ(tag.gain.count, tag.name == "New" ? 1u : 0u);
    EXPECT_EQ(tag.lose.count, tag.name == "New" ? 0u : 3u);
    EXPECT_EQ(tag.has_after, 1u);
    EXPECT_TRUE(std::ranges::is_sorted(tag.lose.uids));
  }
  EXPECT_EQ(listed, 7u);
  EXPECT_EQ(ask(ChangeSet{{draft("cups"), other, third}, {}})->total, 1u);
  EXPECT_EQ(asked, 1u);
  options.what_if_listed = 6;
  restart();
  for (auto& a : agents) connect(a, a.seq);
  connect(gateway);
  const auto cut = ask(ChangeSet{{draft("cups"), other, third}, {}});
  ASSERT_TRUE(cut);
  EXPECT_EQ(cut->total, 0u);
  EXPECT_EQ(cut->silent, std::vector{serial_of(gateway)});
  EXPECT_EQ(cut->too_much, cut->silent);
  EXPECT_EQ(asked, 1u);
  const auto less = core->what_if(clock.now(), ChangeSet{{draft("cups"), other, third}, {}});
  ASSERT_TRUE(less);
  for (const auto& tag : less->tags) {
    EXPECT_EQ(tag.lose.count, tag.name == "New" ? 0u : 3u);
    EXPECT_EQ(tag.lose.uids.size(), tag.name == "New" ? 0u : 2u);
    EXPECT_EQ(tag.lose.cut(), tag.name != "New");
    EXPECT_FALSE(tag.gain.cut());
  }
  // A tag that goes concerns everybody, and nobody need be named for that.
  EXPECT_EQ(ask({{}, {"Has-sshd", "Also-sshd"}})->total, 1u);
}

TEST_F(WhatIfTest, WhatIsReferredToStaysAndFollows) {
  save_process_tag();
  TestAgent a;
  join(a);
  report(a, {{keys::process_running("sshd"), true}});
  run();
  save_tag(R"({"name":"Both","rules":[{"id":1,"os":"linux","type":"tag","tags":["Has-sshd"]}]})");
  const auto state = [&] { return core->endpoint(a.uid())->tags().state(core->engine().id_of("Both")); };
  EXPECT_EQ(state(), posture::TagState::kHas);
  report(a, {{keys::process_running("sshd"), false}});
  run();
  EXPECT_EQ(state(), posture::TagState::kAbsent);
  Status removed;
  core->delete_tag(clock.now(), admin, "Has-sshd", [&](Status done) { removed = done; });
  run();
  ASSERT_FALSE(removed);
  EXPECT_EQ(removed.error().code, ErrorCode::kConflict);
  Result<posture::TagId> renamed = 0;
  auto other = draft("sshd");
  other.name = TagName("Sshd");
  core->save_tag(clock.now(), admin, "Has-sshd", other, false, [&](Result<posture::TagId> id) { renamed = id; });
  run();
  ASSERT_FALSE(renamed);
  EXPECT_EQ(renamed.error().code, ErrorCode::kConflict);
  Result<posture::TagId> unknown = 0;
  const auto lost = posture::parse_tag_json(R"({"name":"X","rules":[{"id":1,"os":"linux","type":"tag","tags":["Nowhere"]}]})");
  core->save_tag(clock.now(), admin, "X", *lost, false, [&](Result<posture::TagId> id) { unknown = id; });
  run();
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(core->tag("X"), nullptr);
  restart();  // tags are compiled in the order of their numbers, whoever refers to whom
  EXPECT_EQ(core->tag("Both")->definition.rules.size(), 1u);
}

TEST_F(WhatIfTest, AProfilesDetectionSaysWhoIsOnFabric) {
  TestAgent a;
  join(a);
  const auto on_fabric = [&] { return core->endpoint(a.uid())->known<bool>(keys::kEmsOnFabric); };
  EXPECT_EQ(on_fabric(), std::nullopt);
  posture::DetectionRule local;
  local.type = "local-subnet";
  local.parameters["ranges"] = std::vector<std::string>{"10.0.1.0/24"};
  Status saved = fail(ErrorCode::kInternal, "");
  core->set_detection(clock.now(), admin, "Default", {{"Office", {local}}}, [&](Status done) { saved = done; });
  run();
  ASSERT_TRUE(saved) << saved.error().message;
  ASSERT_NE(on_fabric(), std::nullopt);
  EXPECT_TRUE(*on_fabric());
  posture::Interface eth0{"eth0", *MacAddress::parse("02:09:0f:00:01:02"), {*IpAddress::parse("192.0.2.9")}, true};
  report(a, {{std::string(keys::kInterfaces), std::vector{eth0}}});
  run();
  EXPECT_FALSE(*on_fabric());
  restart();
  EXPECT_FALSE(*on_fabric());
  const auto why = core->explain_on_fabric(clock.now(), a.uid());
  ASSERT_TRUE(why);
  EXPECT_EQ(why->at(0).verdict, posture::Verdict::kNoMatch);
  core->set_detection(clock.now(), admin, "Nobody", {}, [&](Status done) { saved = done; });
  run();
  EXPECT_EQ(saved.error().code, ErrorCode::kNotFound);
}

TEST_F(Lab, WhatIfSaysWhoGainsAndLosesAndChangesNothing) {
  TestAgent a;
  join(a);
  report(a, {{keys::process_running("sshd"), true}});
  run();
  auto draft = posture::parse_tag_json(
      R"({"name":"Draft","rules":[{"id":1,"os":"linux","type":"running-process","processes":["sshd"]}]})");
  ASSERT_TRUE(draft);
  const auto revision = core->revision();
  const auto what = core->what_if(clock.now(), *draft);
  ASSERT_TRUE(what);
  EXPECT_EQ(what->tags.at(0).gain.uids, std::vector{a.uid()});
  EXPECT_EQ(core->revision(), revision);
  save_process_tag("Draft");
  draft->rules[0].negate = true;
  const auto negated = core->what_if(clock.now(), *draft);
  ASSERT_TRUE(negated);
  EXPECT_EQ(negated->tags.at(0).lose.uids, std::vector{a.uid()});
}

}  // namespace
}  // namespace postern::ems::testing
