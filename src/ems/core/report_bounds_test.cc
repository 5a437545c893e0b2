// How much one endpoint can report, and be asked for.
#include "ems/core/test_lab.h"
#include "proto/fact_codec.h"
#include "wire/telemetry.pb.h"

namespace postern::ems::testing {
namespace {

using Frame = wire::TelemetryFrame;
using ReportBounds = Lab;

TEST_F(ReportBounds, FactsOfAnEndpointTakeBoundedMemory) {
  TestAgent a;
  join(a);
  const std::vector<std::string> mebibyte(17, std::string(61'000, 'x'));
  int taken = 0;
  while (!a.closed && taken < 20) {
    report(a, {{keys::process_running("p" + std::to_string(taken)), mebibyte}});
    run();
    taken += !a.closed;
  }
  EXPECT_EQ(taken, 16);
  const auto* bye = a.last(Frame::kGoodbye);
  ASSERT_NE(bye, nullptr);
  EXPECT_NE(bye->goodbye().message().find("at most 16777216"), std::string::npos) << bye->goodbye().message();
  EXPECT_TRUE(core->endpoint(a.uid())->facts().contains(keys::process_running("p15")));
  EXPECT_FALSE(core->endpoint(a.uid())->facts().contains(keys::process_running("p16")));
}

TEST_F(ReportBounds, AReportThatWouldMakeTooManyFactsChangesNothing) {
  save_process_tag();
  TestAgent a;
  join(a);
  report(a, {{keys::process_running("sshd"), true}, {keys::process_running("kept"), true}});
  run();
  ASSERT_TRUE(a.tags().contains("Has-sshd"));
  const auto many = [&](int from, int count) {
    std::vector<std::pair<std::string, posture::FactValue>> facts;
    for (int i = from; i < from + count; ++i) facts.emplace_back(keys::process_running(std::to_string(i)), true);
    return facts;
  };
  report(a, many(0, 8000));
  report(a, many(8000, 8000));
  run();
  ASSERT_EQ(a.acked(), a.seq);
  const auto before = core->endpoint(a.uid())->facts();
  ASSERT_GT(before.size(), 16'000u);
  const auto acked = a.acked();
  // One that removes a known fact, says another of one and adds too many.
  Frame frame;
  auto& r = *frame.mutable_report();
  r.set_seq(++a.seq);
  r.add_removed(keys::process_running("kept"));
  proto::encode_fact(keys::process_running("sshd"), fact(false), *r.add_facts());
  for (const auto& [key, value] : many(16'000, 5000)) proto::encode_fact(key, fact(value), *r.add_facts());
  send(a, frame);
  run();
  EXPECT_TRUE(a.closed);
  EXPECT_EQ(a.acked(), acked);
  const auto* bye = a.last(Frame::kGoodbye);
  ASSERT_NE(bye, nullptr);
  EXPECT_EQ(bye->goodbye().reason(), "protocol_error");
  EXPECT_NE(bye->goodbye().message().find("at most 20000"), std::string::npos) << bye->goodbye().message();
  const auto unchanged = [&] {
    const auto& now = core->endpoint(a.uid())->facts();
    for (const auto& [key, fact] : before) {
      if (key.starts_with(keys::kEmsPrefix)) continue;
      const auto it = now.find(key);
      if (it == now.end() || it->second.value != fact.value) return false;
    }
    return now.size() == before.size();
  };
  EXPECT_TRUE(unchanged());
  const auto* sshd = core->tag("Has-sshd");
  ASSERT_NE(sshd, nullptr);
  EXPECT_EQ(core->endpoint(a.uid())->tags().state(sshd->id), posture::TagState::kHas);
  restart();
  EXPECT_TRUE(unchanged());
}

TEST_F(ReportBounds, WhatTheEmsSaysItselfIsNotTakenFromAnAgent) {
  save_process_tag();
  for (const char* key : {"ems.attribute:mdm", "ems.vulnerabilities", "tag:Has-sshd"}) {
    TestAgent a;
    join(a);
    report(a, {{key, true}});
    run();
    EXPECT_TRUE(a.closed) << key;
    const auto& facts = core->endpoint(a.uid())->facts();
    const auto it = facts.find(key);
    EXPECT_TRUE(it == facts.end() || it->second.value != posture::FactValue(true)) << key;
  }
}

TEST_F(ReportBounds, RulesThatAskForMoreThanAgentsTakeAreRefused) {
  const auto files = [&](const char* name, int rules) {
    posture::TagDefinition out;
    out.name = TagName(name);
    for (int i = 1; i <= rules; ++i) {
      std::vector<std::string> paths;
      for (int k = 0; k < 64; ++k) paths.push_back("/" + std::string(name) + "/" + std::to_string(i) + "/" + std::to_string(k));
      out.rules.push_back({.id = static_cast<std::uint32_t>(i), .type = "file", .parameters = {{"paths", std::move(paths)}}});
    }
    return out;
  };
  const auto save = [&](const posture::TagDefinition& tag) {
    Result<posture::TagId> out = fail(ErrorCode::kInternal, "never answered");
    core->save_tag(clock.now(), admin, tag.name.str(), tag, false, [&](Result<posture::TagId> id) { out = id; });
    run();
    return out;
  };
  ASSERT_TRUE(save(files("A", 40)));
  const auto more = save(files("B", 30));
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().code, ErrorCode::kResourceExhausted);
  EXPECT_NE(more.error().message.find("4480 facts; at most 4096"), std::string::npos) << more.error().message;
  EXPECT_EQ(core->tag("B"), nullptr);
  EXPECT_EQ(core->engine().id_of("B"), 0u);
  ASSERT_TRUE(save(files("A", 30)));
  EXPECT_TRUE(save(files("B", 30)));
  posture::DetectionRule pings;
  pings.type = "ping-server";
  std::vector<std::string> hosts;
  for (int i = 0; i < 64; ++i) hosts.push_back("h" + std::to_string(i) + ".example.org");
  posture::DetectionSet set{"Office", {}};
  for (int i = 0; i < 5; ++i) {
    for (auto& host : hosts) host.insert(0, "x");
    pings.parameters["hosts"] = hosts;
    set.rules.push_back(pings);
  }
  Status detected;
  core->set_detection(clock.now(), admin, "Default", {set}, [&](Status done) { detected = done; });
  run();
  ASSERT_FALSE(detected);
  EXPECT_EQ(detected.error().code, ErrorCode::kResourceExhausted);
}

}  // namespace
}  // namespace postern::ems::testing
