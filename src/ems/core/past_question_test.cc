// Questions of the past to logs as versions before this wrote them: tags by name, and nowhere a last sign of life.
#include "ems/core/past_question.h"

#include <gtest/gtest.h>

#include "ems/store/memory_store.h"
#include "posture/fact_keys.h"
#include "posture/tag_json.h"

namespace postern::ems {
namespace {

namespace keys = posture::keys;
using posture::TagState;

class OldLog : public ::testing::Test {
 protected:
  static WallTime at(int seconds) { return from_unix_ms(1'000'000) + Seconds(seconds); }

  OldLog() {
    EXPECT_TRUE(tags_.set(2, *posture::parse_tag_json(
                                 R"({"name":"T","rules":[{"id":1,"os":"linux","type":"running-process","processes":["sshd"]}]})")));
    log(0, "endpoint", R"({"event":"enrolled"})");
    log(180, "endpoint", R"({"event":"offline","public_ip":""})");
    log(3601, "endpoint_tags", R"({"tags":[{"tag":"T","before":"has","after":"unknown"}]})");
    of_.uid = EndpointUid("E");
    of_.facts.emplace(keys::kOsFamily, posture::Fact{std::string("linux"), at(0), ""});
    of_.facts.emplace(keys::process_running("sshd"), posture::Fact{true, at(0), ""});
    of_.facts.emplace(keys::kEmsOnline, posture::Fact{false, at(180), "ems"});
    of_.tags.set(2, TagState::kUnknown);
    of_.confirmed_until = at(0);
    of_.tag_timeout = Seconds(3600);
  }
  void log(int seconds, const char* kind, const char* json) {
    Batch batch;
    batch.at = at(seconds);
    batch.changes.push_back({kind, "E", json, ""});
    EXPECT_TRUE(store_.commit(batch));
  }
  Result<posture::TagExplanation> ask(int seconds) {
    PastQuestion question(store_, of_, tags_, "T", {at(seconds), {}});
    for (;;) {
      if (auto answer = question.step()) return *answer;
    }
  }

  MemoryStore store_;
  posture::TagEngine tags_;
  PastQuestion::Present of_;
};

TEST_F(OldLog, WhatWasSaidThenTellsHowLongASilenceWas) {
  for (const WallTime known : {at(0), at(9'000)}) {  // it is silent still; it came back
    of_.confirmed_until = known;
    EXPECT_EQ(ask(3'590)->state, TagState::kHas);
    const auto silent = ask(3'700);  // three minutes less than the tag timeout after it was noted
    ASSERT_TRUE(silent) << silent.error().message;
    EXPECT_EQ(silent->state, TagState::kUnknown);
    EXPECT_EQ(silent->reason, "silent");
  }
}

}  // namespace
}  // namespace postern::ems
