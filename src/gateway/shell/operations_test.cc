// What an administrator is told of the connectors, and what to do.
#include "gateway/shell/operations.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>

#include "wire/fabric.pb.h"

namespace postern::gateway {
namespace {

using testing::HasSubstr;

/// Does nothing, and is well.
class QuietProcess final : public NginxProcess {
 public:
  Result<std::string> install(const std::string& name, std::string_view) override { return "/x/" + name; }
  void apply(std::string, std::function<void(Status)> done) override { done({}); }
  void stop() override {}
  std::optional<pid_t> pid() const override { return std::nullopt; }
  std::filesystem::path state_dir() const override { return "/x/state"; }
  Status health() const override { return {}; }
};

class OperationsTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/postern-operations-XXXXXX";
    dir_ = ::mkdtemp(name);
    auto shm = ecshm::Writer::create(dir_ / "run", {64, 64, static_cast<gid_t>(-1)});
    ASSERT_TRUE(shm) << shm.error().message;
    shm_ = std::move(*shm);
    auto traffic = TrafficLog::open(dir_ / "traffic.log", nullptr);
    ASSERT_TRUE(traffic) << traffic.error().message;
    traffic_ = std::move(*traffic);
    ASSERT_TRUE(shm_->publish());
    auto modules = ModuleChannel::open(loop_, dir_ / "run", {}, {});
    ASSERT_TRUE(modules) << modules.error().message;
    modules_ = std::move(*modules);
    context_.store = config::ConfigStore::in_memory(config::gateway_schema());
    context_.core = std::make_unique<GatewayCore>(proto::FabricIdentity{}, context_.random);
    context_.pump = [] {};
    context_.store->observe([this](const config::ConfigTree&, const config::ConfigTree& after) {
      context_.config = config::read_config(after);
    });
    nginx_ = std::make_unique<NginxControl>(context_, *shm_);
    nginx_->use(std::make_unique<QuietProcess>());
    auto t = context_.store->begin();
    ASSERT_TRUE(t.edit(kEms));
    ASSERT_TRUE(t.set(kEms, "server", {"ems.example"}));
    ASSERT_TRUE(t.set(kEms, "status", {"enable"}));
    ASSERT_TRUE(context_.store->commit(t));
    accept();
    operations_ = std::make_unique<LiveOperations>(
        context_, channels_, LiveOperations::Parts{*nginx_, views_, nullptr, nullptr, *modules_, *traffic_});
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }

  void accept() {
    auto t = context_.store->begin(config::Actor::kGateway);
    ASSERT_TRUE(t.set(kEms, "certificate-fingerprint", {std::string(64, 'a')}));
    ASSERT_TRUE(context_.store->commit(t));
  }
  /// The EMS of connector 1 says this.
  void say(wire::FabricStatus::State state) {
    auto& core = *context_.core;
    core.set_connectors(context_.now(), {{1, true, "EMS", "ems.example", 8443, Seconds(180), expected_}});
    core.set_trusted(context_.now(), 1, true);
    core.on_connected(context_.now(), 1);
    wire::FabricFrame frame;
    frame.mutable_status()->set_state(state);
    frame.mutable_status()->set_ems_serial("PSTEMS0123456789");
    frame.mutable_status()->set_authorise_path("/fabric-authorization?serial=PGW0000000000001");
    core.on_frame(context_.now(), 1, as_bytes(frame.SerializeAsString()));
  }
  std::string health_of(const std::string& part) {
    for (const auto& p : operations_->health()) {
      if (p.part == part) return p.text;
    }
    return "there is no part " + part;
  }

  const config::ObjectPath kEms = {{"endpoint-control fctems", "1"}};
  EmsSerial expected_;
  std::filesystem::path dir_;
  net::Loop loop_;
  Context context_{loop_, DaemonOptions{}};
  std::unique_ptr<ecshm::Writer> shm_;
  std::unique_ptr<TrafficLog> traffic_;
  std::unique_ptr<ModuleChannel> modules_;
  FabricChannels channels_{context_};
  KeptViews views_{context_};
  std::unique_ptr<NginxControl> nginx_;
  std::unique_ptr<LiveOperations> operations_;
};

TEST_F(OperationsTest, WhatTheEmsDecidedIsToldWithThePageThatChangesIt) {
  const std::string page = "https://ems.example:8443/fabric-authorization?serial=PGW0000000000001";
  say(wire::FabricStatus::PENDING);
  EXPECT_EQ(health_of("EMS 1"), "pending; authorise this gateway on the EMS: " + page);
  EXPECT_EQ(operations_->connectors().at(0).authorise_url, page);
  say(wire::FabricStatus::CONFLICT);
  EXPECT_THAT(health_of("EMS 1"), HasSubstr("stopped: serial number conflict; compare this gateway's device key"));
  EXPECT_THAT(health_of("EMS 1"), HasSubstr(page));
  say(wire::FabricStatus::REFUSED);
  EXPECT_THAT(health_of("EMS 1"),
              HasSubstr("refused; an administrator of the EMS refused it, and can authorise it: " + page));
  say(wire::FabricStatus::AUTHORISED);
  EXPECT_EQ(health_of("EMS 1"), "");
}

TEST_F(OperationsTest, AnEmsThatIsSilentPastTheThresholdIsNotWell) {
  say(wire::FabricStatus::AUTHORISED);
  const auto now = context_.now();
  context_.core->restore(1, 1, 1, {}, now.mono + Seconds(1));
  context_.core->on_tick(now);
  channels_.on_changed(1);
  EXPECT_EQ(health_of("EMS 1"), "");
  context_.core->restore(1, 1, 1, {}, now.mono - Seconds(1));
  context_.core->on_tick(now);
  channels_.on_changed(1);
  EXPECT_EQ(health_of("EMS 1"), "connected, but it is silent, and its records are too old to grant anything; "
                                "diagnose endpoint fctems test-connectivity 1 says why");
}

TEST_F(OperationsTest, AnotherEmsIsToldWithTheCommandThatDecides) {
  expected_ = EmsSerial("PSTEMS9999999999");
  say(wire::FabricStatus::AUTHORISED);
  EXPECT_EQ(health_of("EMS 1"),
            "stopped: another EMS answers; execute fctems verify 1 shows which, and asks whether to take it");
  EXPECT_EQ(operations_->live_values(kEms).at("dirty-reason"), config::Value{"mismatched-ems-sn"});
}

TEST_F(OperationsTest, ADenialIsFoundInTheLog) {
  ecshm::Event event;
  event.type = ecshm::EventType::kDenied;
  event.reason = policy::Reason::kMissingTag;
  event.id = "K7QM-2D9F";
  traffic_->add(event);  // not flushed yet
  std::optional<Result<std::string>> found;
  const auto seek = [&](const char* id) {
    found.reset();
    operations_->find_denial(id, [&](Result<std::string> line) {
      found = std::move(line);
      loop_.stop();
    });
    loop_.run();
  };
  seek("k7qm2d9f");
  ASSERT_TRUE(found && *found);
  EXPECT_THAT(**found, HasSubstr(R"("id":"K7QM-2D9F","reason":"065")"));
  seek("AAAA-BBBB");
  ASSERT_TRUE(found && !*found);
  EXPECT_EQ(found->error().code, ErrorCode::kNotFound);
}

TEST_F(OperationsTest, WhyAnEndpointIsMatchedAndNotResolved) {
  wire::ViewEntry entry;
  entry.mutable_record()->set_uid("00000000000000000000000000000002");
  entry.mutable_record()->set_online(true);
  entry.mutable_record()->set_registered(true);
  entry.mutable_record()->add_tags(70);
  entry.mutable_record()->add_unknown_tags(311);
  entry.set_asked(true);
  proto::View view;
  view.upsert(EndpointUid(entry.record().uid()), entry.SerializeAsString());
  const std::pair<std::uint32_t, const char*> defined[] = {{70, "a"}, {311, "b"}, {495, "c"}};
  for (const auto& [id, name] : defined) {
    wire::TagInfo tag;
    tag.set_id(id);
    tag.set_name(name);
    tag.set_kind("security");
    view.upsert_tag(id, tag.SerializeAsString());
  }
  say(wire::FabricStatus::AUTHORISED);
  context_.core->restore(1, 1, 1, std::move(view), context_.now().mono + Seconds(60));
  context_.core->on_tick(context_.now());
  const auto all = operations_->endpoint_traces([](const auto&) { return true; });
  ASSERT_EQ(all.size(), 1u);
  EXPECT_TRUE(all[0].matched);
  EXPECT_EQ(all[0].match_text, "it has come through an access proxy with its certificate");
  EXPECT_TRUE(all[0].resolved.empty());
  EXPECT_EQ(all[0].resolve_text, resolve_reason_text(ResolveReason::kZtnaOnly));
  using State = cli::EndpointTrace::Tag::State;
  std::map<std::string, State> tags;
  for (const auto& tag : all[0].tags) tags[tag.name] = tag.state;
  EXPECT_EQ(tags,
            (std::map<std::string, State>{
                {"EMS1_ZTNA_a", State::kHas}, {"EMS1_ZTNA_b", State::kUnknown}, {"EMS1_ZTNA_c", State::kHasNot}}));
  EXPECT_TRUE(operations_->endpoint_traces([](const auto&) { return false; }).empty());
}

}  // namespace
}  // namespace postern::gateway
