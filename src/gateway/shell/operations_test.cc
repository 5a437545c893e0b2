// What an administrator is told of the connectors, and what to do.
#include "gateway/shell/operations.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>

#include "gateway/core/gateway_core_lab.h"
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

TEST_F(OperationsTest, AnotherCertificateIsToldAlikeEverywhere) {
  say(wire::FabricStatus::AUTHORISED);
  EXPECT_TRUE(operations_->connectors().at(0).confirmed());
  EXPECT_FALSE(operations_->live_values(kEms).contains("dirty-reason"));
  channels_.stop(1);
  const auto status = operations_->connectors().at(0);
  EXPECT_TRUE(status.certificate_accepted && status.certificate_changed);
  EXPECT_FALSE(status.confirmed());
  EXPECT_EQ(operations_->live_values(kEms).at("dirty-reason"), config::Value{"mismatched-certificate"});
  EXPECT_EQ(health_of("EMS 1"), "stopped: certificate changed; compare it: execute fctems verify 1");
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

TEST_F(OperationsTest, EachEmsIsAskedForEverythingAnew) {
  say(wire::FabricStatus::AUTHORISED);
  FakeEms ems(*context_.core, context_.clock);
  ems.tag(70, "a");
  ems.snapshot();
  std::vector<cli::EmsAnswer> answers;
  int done = 0;
  const auto keep = [&](std::vector<cli::EmsAnswer> got) {
    answers = std::move(got);
    ++done;
  };
  context_.core->take_actions();
  operations_->refresh_connectors(keep);
  bool subscribed = false;
  for (const auto& action : context_.core->take_actions()) {
    const auto* send = std::get_if<act::Send>(&action);
    wire::FabricFrame frame;
    if (send != nullptr && frame.ParseFromArray(send->bytes.data(), static_cast<int>(send->bytes.size()))) {
      subscribed = subscribed || (frame.has_subscribe() && frame.subscribe().epoch() == 0);
    }
  }
  EXPECT_TRUE(subscribed);
  operations_->follow();
  EXPECT_EQ(done, 0);
  ems.tag(71, "b");
  ems.snapshot();
  operations_->follow();
  ASSERT_EQ(done, 1);
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].trouble, "");
  EXPECT_EQ(std::tuple(answers[0].id, answers[0].endpoints, answers[0].tags, answers[0].revision),
            std::tuple(1, std::size_t{0}, std::size_t{2}, std::uint64_t{12}));
  // Withdrawn while it is asked.
  operations_->refresh_connectors(keep);
  say(wire::FabricStatus::PENDING);
  operations_->follow();
  ASSERT_EQ(done, 2);
  EXPECT_THAT(answers[0].trouble, HasSubstr("pending; authorise this gateway on the EMS: https://"));
  // And from the beginning: told on the loop, once.
  operations_->refresh_connectors([&](auto got) {
    keep(std::move(got));
    loop_.stop();
  });
  EXPECT_EQ(done, 2);
  loop_.run();
  EXPECT_EQ(done, 3);
}

TEST_F(OperationsTest, ARestartConnectsAnewAndWhatWasSaidStays) {
  say(wire::FabricStatus::AUTHORISED);
  FakeEms ems(*context_.core, context_.clock);
  ems.tag(70, "a");
  ems.snapshot();
  context_.core->take_actions();
  std::vector<cli::EmsAnswer> answers;
  operations_->restart_connectors([&](auto got) { answers = std::move(got); });
  bool closed = false, opened = false;
  for (const auto& action : context_.core->take_actions()) {
    closed = closed || std::holds_alternative<act::Disconnect>(action);
    opened = opened || (closed && std::holds_alternative<act::Connect>(action));
  }
  EXPECT_TRUE(closed && opened);
  EXPECT_EQ(operations_->dynamic_addresses().size(), 1u);
  operations_->follow();
  EXPECT_TRUE(answers.empty());
  ems.authorise();
  operations_->follow();
  EXPECT_TRUE(answers.empty()) << "authorised, but not yet up to date";
  ems.snapshot();
  operations_->follow();
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].trouble, "");
  EXPECT_EQ(answers[0].tags, 1u);
}

TEST_F(OperationsTest, WhoDoesNotAnswerIsGivenUp) {
  say(wire::FabricStatus::AUTHORISED);
  FakeEms ems(*context_.core, context_.clock);
  ems.snapshot();
  FabricInquiries inquiries(context_, [this] { return operations_->connectors(); }, [](const auto&) { return ""; }, Seconds(0));
  std::vector<cli::EmsAnswer> answers;
  std::vector<cli::CertificateReply> replies;
  const auto stop = [&] {
    if (!answers.empty() && !replies.empty()) loop_.stop();
  };
  inquiries.refresh([&](auto got) { answers = std::move(got), stop(); });
  inquiries.ask_about(Sha256{1}, [&](auto got) { replies = std::move(got), stop(); });
  loop_.run();
  EXPECT_THAT(answers.at(0).trouble, HasSubstr("no answer within 0 s"));
  EXPECT_EQ(replies.at(0).state, cli::CertificateReply::State::kNoAnswer);
  EXPECT_EQ(replies.at(0).trouble, "no answer within 0 s");
}

TEST_F(OperationsTest, AnEmsIsAskedWhoseACertificateIs) {
  using State = cli::CertificateReply::State;
  std::vector<cli::CertificateReply> replies;
  const auto ask = [&](wire::CertificateAnswer::State state) {
    replies.clear();
    context_.core->take_actions();
    operations_->ask_about_certificate(Sha256{7}, [&](auto got) { replies = std::move(got); });
    std::uint64_t request = 0;
    for (const auto& action : context_.core->take_actions()) {
      const auto* send = std::get_if<act::Send>(&action);
      wire::FabricFrame frame;
      if (send == nullptr || !frame.ParseFromArray(send->bytes.data(), static_cast<int>(send->bytes.size()))) continue;
      if (frame.has_ask_certificate() && frame.ask_certificate().only_tell()) request = frame.ask_certificate().request_id();
    }
    FakeEms(*context_.core, context_.clock).answer(request, state);
    operations_->follow();
    return replies.size() == 1 ? replies[0].state : State::kNoAnswer;
  };
  say(wire::FabricStatus::AUTHORISED);
  EXPECT_EQ(ask(wire::CertificateAnswer::FOUND), State::kFound);
  EXPECT_EQ(replies[0].uid.str(), GatewayCoreLab::kUid);
  EXPECT_EQ(ask(wire::CertificateAnswer::REVOKED), State::kRevoked);
  EXPECT_EQ(ask(wire::CertificateAnswer::UNKNOWN), State::kUnknown);
  EXPECT_EQ(ask(wire::CertificateAnswer::BUSY), State::kNoAnswer);
  EXPECT_EQ(replies[0].trouble, "it is busy; try again");
  EXPECT_TRUE(context_.core->records().empty());
  EXPECT_TRUE(context_.core->slots().empty());
}

TEST_F(OperationsTest, WhatIsKnownOfAnAddress) {
  const auto ip = [](const char* text) { return *IpAddress::parse(text); };
  auto& core = *context_.core;
  core.set_interfaces({{"port1", *MacAddress::parse("02:09:0f:00:01:01"), {{ip("10.0.1.1"), 24}}}});
  core.set_reserved({ip("10.0.2.10")});
  core.set_policy_tags({"EMS1_ZTNA_x"});
  const auto mac = *MacAddress::parse("02:09:0f:00:01:02");
  core.set_neighbour({"port1", ip("10.0.1.2")}, {Neighbour::State::kPresent, mac, false});
  EXPECT_EQ(operations_->address(ip("10.0.1.1")).own_interface, "port1");
  EXPECT_TRUE(operations_->address(ip("10.0.2.10")).reserved);
  EXPECT_EQ(operations_->address(ip("10.0.2.10")).network, "");
  const auto adjacent = operations_->address(ip("10.0.1.2"));
  EXPECT_EQ(adjacent.network, "port1");
  ASSERT_TRUE(adjacent.neighbour);
  EXPECT_EQ(adjacent.neighbour->mac, mac);
  EXPECT_FALSE(operations_->address(ip("10.0.1.3")).neighbour);
  EXPECT_EQ(operations_->tags_not_shared(), std::vector<std::string>{"EMS1_ZTNA_x"});
  EXPECT_EQ(operations_->own_interfaces().size(), 1u);
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
  EXPECT_FALSE(all[0].expired) << "it has no certificate";
}

TEST_F(OperationsTest, AnEndpointHasExpiredWithTheLastOfItsCertificates) {
  const auto expired = [&](std::initializer_list<Seconds> ends) {
    wire::ViewEntry entry;
    entry.mutable_record()->set_uid("00000000000000000000000000000002");
    entry.mutable_record()->set_online(true);
    entry.mutable_record()->set_registered(true);
    for (const auto end : ends) {
      auto& certificate = *entry.mutable_record()->add_certificates();
      certificate.set_serial("0A");
      certificate.set_sha256(std::string(32, static_cast<char>(entry.record().certificates_size())));
      certificate.set_not_after_ms(to_unix_ms(context_.now().wall + end));
    }
    proto::View view;
    view.upsert(EndpointUid(entry.record().uid()), entry.SerializeAsString());
    context_.core->restore(1, 1, 1, std::move(view), context_.now().mono + Seconds(60));
    const auto all = operations_->endpoint_traces([](const auto&) { return true; });
    return all.size() == 1 && all[0].expired;
  };
  say(wire::FabricStatus::AUTHORISED);
  EXPECT_TRUE(expired({Seconds(-1), Seconds(-9)}));
  EXPECT_FALSE(expired({Seconds(60), Seconds(-9)}));
}

}  // namespace
}  // namespace postern::gateway
