#include "gateway/ztna/sessions_cut.h"

#include "gateway/core/gateway_core_lab.h"
#include "policy/compile.h"
#include "wire/fabric.pb.h"

namespace postern::gateway {
namespace {

using proto::fabric::WhatIf;

class SessionsCutTest : public GatewayCoreLab {
 protected:
  /// Proxy 1 demands Telemetry-Connected, proxy 2 forbids Vulnerable-Device, proxy 3 is for one network only.
  void SetUp() override {
    core_.set_policy_tags({"EMS1_ZTNA_Telemetry-Connected", "EMS1_ZTNA_Vulnerable-Device"});
    connect();
    ems_.upsert(endpoint({495}));
    auto& table = table_;
    for (const char* name : {"EMS1_ZTNA_Telemetry-Connected", "EMS1_ZTNA_Vulnerable-Device"}) {
      policy::Tag named;
      named.bit = static_cast<std::uint16_t>(bit(name));
      named.name = name;
      table.tags.push_back(named);
    }
    for (std::uint32_t id = 1; id <= 3; ++id) {
      policy::Proxy proxy;
      proxy.id = id;
      proxy.name = "p" + std::to_string(id);
      table.proxies.push_back(proxy);
    }
    const auto add = [&](std::uint32_t proxy, const char* tag, policy::Action action) -> policy::Policy& {
      policy::Policy p;
      p.id = static_cast<std::uint32_t>(table.policies.size() + 1);
      p.name = "policy" + std::to_string(p.id);
      p.proxies = {proxy};
      if (tag != nullptr) p.tags = {static_cast<std::uint16_t>(bit(tag))};
      p.action = action;
      table.policies.push_back(std::move(p));
      return table.policies.back();
    };
    add(1, "EMS1_ZTNA_Telemetry-Connected", policy::Action::kAccept);
    add(2, "EMS1_ZTNA_Vulnerable-Device", policy::Action::kDeny);
    add(2, nullptr, policy::Action::kAccept);
    add(3, "EMS1_ZTNA_Telemetry-Connected", policy::Action::kAccept).sources = {*IpRange::parse("10.0.1.0/24")};
    auto blob = policy::compile(table);
    ASSERT_TRUE(blob) << blob.error().message;
    blob_ = std::move(*blob);
  }
  std::uint32_t cut(const WhatIf& question) {
    const auto view = policy::PolicyView::open(blob_);
    EXPECT_TRUE(view);
    auto table = table_;
    apply_on_unknown(core_, 1, question, table);
    const auto blob = policy::compile(table);
    EXPECT_TRUE(blob);
    const auto would = policy::PolicyView::open(*blob);
    EXPECT_TRUE(would);
    const auto cuts = sessions_cut(core_, *view, *would, 1, question, clock_.now().wall);
    if (cuts.empty()) return 0;
    EXPECT_EQ(cuts.size(), 1u);
    EXPECT_EQ(cuts.front().uid.str(), kUid);
    return cuts.front().sessions;
  }
  void open(std::uint32_t proxy, const char* source, int count) {
    core_.on_session(clock_.now(), leaf('a'), {proxy, ip(source)}, count);
  }
  static proto::fabric::TagWhatIf tag(const char* name) { return {name, "security", {}, {}, {}, false, false}; }
  static WhatIf loses(const char* name) {
    auto one = tag(name);
    one.lose = {EndpointUid(kUid)};
    return {1, {one}};
  }
  static WhatIf gains(const char* name) {
    auto one = tag(name);
    one.gain = {EndpointUid(kUid)};
    return {1, {one}};
  }
  static WhatIf unsure(const char* name) {
    auto one = tag(name);
    one.become_unknown = {EndpointUid(kUid)};
    return {1, {one}};
  }

  policy::PolicyTable table_;
  Bytes blob_;
};

TEST_F(SessionsCutTest, CountsThoseThatTheChangeWouldNotLetIn) {
  open(1, "10.0.1.2", 3);
  open(2, "10.0.1.2", 2);
  EXPECT_EQ(cut(loses("Telemetry-Connected")), 3u);
  EXPECT_EQ(cut(unsure("Telemetry-Connected")), 3u);
  EXPECT_EQ(cut(gains("Telemetry-Connected")), 0u);  // it has it
  EXPECT_EQ(cut(gains("Vulnerable-Device")), 2u);
  EXPECT_EQ(cut(unsure("Vulnerable-Device")), 2u);  // unknown never spares
  EXPECT_EQ(cut(loses("Vulnerable-Device")), 0u);
  open(1, "10.0.1.2", -2);
  EXPECT_EQ(cut(loses("Telemetry-Connected")), 1u);
}

TEST_F(SessionsCutTest, ATagThatGoesIsUnknownOfEverybody) {
  open(1, "10.0.1.2", 3);
  open(2, "10.0.1.2", 2);
  auto gone = WhatIf{1, {tag("Telemetry-Connected")}};
  gone.tags[0].gone = true;
  EXPECT_EQ(cut(gone), 3u);
  gone.tags.push_back(tag("Vulnerable-Device"));
  gone.tags[1].gone = true;
  EXPECT_EQ(cut(gone), 5u);
}

TEST_F(SessionsCutTest, WhatUnknownMeansIsAskedToo) {
  open(2, "10.0.1.2", 2);
  auto unknown = unsure("Vulnerable-Device");
  unknown.tags[0].ignore_unknown = true;
  EXPECT_EQ(cut(unknown), 0u);  // unknown, and from then on that spares
  EXPECT_EQ(cut(unsure("Vulnerable-Device")), 2u);
}

TEST_F(SessionsCutTest, SeveralTagsAreJudgedTogether) {
  open(1, "10.0.1.2", 3);
  open(2, "10.0.1.2", 2);
  auto both = loses("Telemetry-Connected");
  both.tags.push_back(gains("Vulnerable-Device").tags[0]);
  EXPECT_EQ(cut(both), 5u);
}

TEST_F(SessionsCutTest, WhereASessionComesFromCounts) {
  open(3, "10.0.1.2", 1);
  open(3, "10.9.9.9", 5);  // no policy lets them in as it is: the change ends nothing of theirs
  EXPECT_EQ(cut(loses("Telemetry-Connected")), 1u);
}

TEST_F(SessionsCutTest, NothingHangsOnATagThatNoPolicyNamesOrOnAnotherEndpoint) {
  open(1, "10.0.1.2", 3);
  EXPECT_EQ(cut(loses("Nobody-Knows")), 0u);
  auto other_endpoint = loses("Telemetry-Connected");
  other_endpoint.tags[0].lose = {EndpointUid(std::string(32, 'F'))};
  EXPECT_EQ(cut(other_endpoint), 0u);
  auto other_kind = loses("Telemetry-Connected");
  other_kind.tags[0].kind = "classification";
  EXPECT_EQ(cut(other_kind), 0u);
}

TEST_F(GatewayCoreLab, AQuestionOfTheEmsIsHandedOnAndItsAnswerTravels) {
  connect();
  wire::FabricFrame frame;
  frame.mutable_what_if()->set_request_id(9);
  auto& tag = *frame.mutable_what_if()->add_tags();
  tag.set_tag("Telemetry-Connected");
  tag.set_kind("security");
  tag.add_lose_uids(kUid);
  tag.set_on_unknown_ignore(true);
  const auto bytes = frame.SerializeAsString();
  core_.on_frame(clock_.now(), 1, Bytes(bytes.begin(), bytes.end()));
  const auto asked = take<act::WhatIf>();
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(asked[0].question.tags.at(0).lose.at(0).str(), kUid);
  EXPECT_TRUE(asked[0].question.tags.at(0).ignore_unknown);
  core_.answer_what_if(clock_.now(), 1, 9, {{EndpointUid(kUid), 4}});
  bool answered = false;
  for (const auto& f : take_frames()) {
    if (!f.has_what_if_answer()) continue;
    answered = true;
    EXPECT_EQ(f.what_if_answer().request_id(), 9u);
    EXPECT_EQ(f.what_if_answer().cuts(0).sessions(), 4u);
  }
  EXPECT_TRUE(answered);
}

}  // namespace
}  // namespace postern::gateway
