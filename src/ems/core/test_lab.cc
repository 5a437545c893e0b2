#include "ems/core/test_lab.h"

#include <algorithm>
#include <utility>

#include "ems/bootstrap/bootstrap.h"
#include "posture/tag_json.h"
#include "proto/fact_codec.h"
#include "proto/serialize.h"
#include "wire/fabric.pb.h"
#include "wire/telemetry.pb.h"

namespace postern::ems::testing {

TestAgent::TestAgent() : enrolled(std::make_unique<wire::EnrolResponse>()) {}
TestAgent::~TestAgent() = default;

EndpointUid TestAgent::uid() const { return EndpointUid(enrolled->uid()); }
Bytes TestAgent::leaf() const { return Bytes(enrolled->chain_der(0).begin(), enrolled->chain_der(0).end()); }
Sha256 TestAgent::leaf_sha256() const { return sha256(ByteView(leaf())); }

const wire::TelemetryFrame* TestAgent::last(int kind) const {
  for (auto it = inbox.rbegin(); it != inbox.rend(); ++it) {
    if (it->kind_case() == kind) return &*it;
  }
  return nullptr;
}

std::set<std::string> TestAgent::tags() const {
  std::set<std::string> out;
  if (const auto* frame = last(wire::TelemetryFrame::kTagState)) {
    for (const auto& tag : frame->tag_state().tags()) out.insert(tag.name() + (tag.unknown() ? "?" : ""));
  }
  return out;
}

std::uint64_t TestAgent::acked() const {
  const auto* frame = last(wire::TelemetryFrame::kAck);
  return frame == nullptr ? 0 : frame->ack().seq();
}

TestGateway::TestGateway(const std::string& serial, std::uint64_t seed)
    : random(seed),
      identity(pki::make_device(pki::PrivateKey::generate(), GatewaySerial(serial),
                                {WallTime(Millis(0)), WallTime(Millis(4'000'000'000'000))}, random)),
      client({GatewaySerial(serial), "gw", "0.1", ""}, random) {}
TestGateway::~TestGateway() = default;

std::size_t TestGateway::endpoints() const { return client.view().entries().size(); }

wire::EndpointRecord TestGateway::record(const EndpointUid& uid) const {
  wire::ViewEntry entry;
  if (const auto* bytes = client.view().find(uid)) entry.ParseFromString(*bytes);
  return entry.record();
}

Lab::Lab() {
  BootstrapOptions options;
  options.password_hash = "$argon2id$test";
  options.server_names = {"127.0.0.1"};
  EXPECT_TRUE(bootstrap(store, random, clock.now(), options));
  restart();
}
Lab::~Lab() = default;

void Lab::restart() {
  for (auto& [session, agent] : agents_) agent->session = 0;
  for (auto& [session, gateway] : gateways_) {
    gateway->client.on_disconnected(clock.now(), "the EMS restarted");
    gateway->session = 0;
  }
  agents_.clear();
  gateways_.clear();
  options.public_addresses = {"127.0.0.1:8013"};
  options.server_names = server_names;
  options.version = "test";
  core = std::make_unique<EmsCore>(store, random, options);
  const auto started = core->start(clock.now());
  ASSERT_TRUE(started) << started.error().message;
  run();
}

void Lab::run() {
  for (int round = 0; round < 1000; ++round) {
    bool busy = false;
    if (core->flush_wanted()) {
      core->flush(clock.now());
      busy = true;
    }
    for (auto& action : core->take_actions()) {
      busy = true;
      perform(action);
    }
    for (auto* gateway : all_gateways) busy |= pump(*gateway);
    if (!busy) return;
  }
  ADD_FAILURE() << "it does not come to rest";
}

std::string Lab::invite(std::uint32_t uses, Seconds life) {
  std::string code;
  core->create_invitation(clock.now(), admin, life, uses, "", [&](Result<EmsCore::InvitationMade> made) {
    ASSERT_TRUE(made) << made.error().message;
    code = made->code;
  });
  run();
  return code;
}

std::string Lab::enrol(TestAgent& agent, const std::string& code, const std::string& machine) {
  ask_enrol(agent, code, machine);
  run();
  return agent.enrolled->error_code();
}

void Lab::ask_enrol(TestAgent& agent, const std::string& code, const std::string& machine) {
  wire::EnrolRequest request;
  request.set_code(code);
  const auto csr = pki::make_request(agent.key);
  request.set_csr_der(std::string(as_text(csr)));
  request.set_host_name("host");
  request.set_machine_id(machine);
  request.add_macs(std::string("\x02\x09\x0f\x00\x01\x02", 6));
  core->enrol(clock.now(), *IpAddress::parse("10.0.1.2"), proto::serialize(request), [&agent](Bytes response) {
    agent.enrolled->ParseFromArray(response.data(), static_cast<int>(response.size()));
  });
}

void Lab::connect(TestAgent& agent, std::uint64_t last_acked, bool verified) {
  agent.session = ++sessions_;
  agent.closed = false;
  agents_[agent.session] = &agent;
  core->telemetry_opened(clock.now(), agent.session, {agent.leaf(), verified}, *IpAddress::parse("10.0.1.2"));
  wire::TelemetryFrame frame;
  frame.mutable_hello()->set_uid(agent.uid().str());
  frame.mutable_hello()->set_run_id(agent.run);
  frame.mutable_hello()->set_last_acked_seq(last_acked);
  send(agent, frame);
  run();
}

void Lab::send(TestAgent& agent, const wire::TelemetryFrame& frame) {
  core->telemetry_frame(clock.now(), agent.session, proto::serialize(frame));
}

void Lab::keep_alive(TestAgent& agent) {
  wire::TelemetryFrame frame;
  frame.mutable_keepalive()->set_seq(1);
  send(agent, frame);
  run();
}

posture::Fact Lab::fact(posture::FactValue value) { return {std::move(value), clock.now().wall, "test"}; }

void Lab::report(TestAgent& agent, const std::vector<std::pair<std::string, posture::FactValue>>& facts, bool full) {
  wire::TelemetryFrame frame;
  auto& r = *frame.mutable_report();
  r.set_seq(++agent.seq);
  r.set_full(full);
  for (const auto& [key, value] : facts) proto::encode_fact(key, fact(value), *r.add_facts());
  send(agent, frame);
}

void Lab::join(TestAgent& agent, const std::string& gateway_mac) {
  ASSERT_EQ(enrol(agent, invite()), "");
  connect(agent);
  posture::Route route{"eth0", *IpAddress::parse("10.0.1.1"), *MacAddress::parse(gateway_mac),
                       *IpAddress::parse("10.0.1.2"), false, 0};
  posture::Interface eth0{"eth0", *MacAddress::parse("02:09:0f:00:01:02"), {*IpAddress::parse("10.0.1.2")}, true};
  report(agent,
         {{std::string(keys::kHostName), std::string("WIN10-01")},
          {std::string(keys::kOsFamily), std::string("linux")},
          {std::string(keys::kInterfaces), std::vector{eth0}},
          {std::string(keys::kRoutes), std::vector{route}}},
         true);
  run();
  ASSERT_EQ(agent.acked(), agent.seq);
}

void Lab::save_tag(const std::string& json) {
  auto tag = posture::parse_tag_json(json);
  ASSERT_TRUE(tag) << tag.error().message;
  bool saved = false;
  core->save_tag(clock.now(), admin, tag->name.str(), *tag, false,
                 [&](Result<posture::TagId> id) { saved = id.has_value(); });
  run();
  ASSERT_TRUE(saved);
}

void Lab::save_process_tag(const std::string& name) {
  save_tag(R"({"name":")" + name +
           R"(","rules":[{"id":1,"os":"linux","type":"running-process","processes":["sshd"]}]})");
}

void Lab::connect(TestGateway& gateway) {
  if (std::ranges::find(all_gateways, &gateway) == all_gateways.end()) all_gateways.push_back(&gateway);
  gateway.client.enable(clock.now());
  clock.advance(std::chrono::seconds(31));  // past any back-off
  gateway.client.on_tick(clock.now());
  run();
}

void Lab::disconnect(TestGateway& gateway) {
  core->fabric_closed(clock.now(), gateway.session);
  gateways_.erase(gateway.session);
  gateway.session = 0;
  gateway.client.on_disconnected(clock.now(), "cut");
}

Status Lab::authorise(const TestGateway& gateway, EmsCore::DeviceChange change) {
  change.authorized = true;
  Status out;
  core->change_device(clock.now(), admin, serial_of(gateway), std::move(change), [&](Status s) { out = s; });
  run();
  return out;
}

Status Lab::join(TestGateway& gateway, const std::string& mac) {
  set_interface(gateway, mac);
  connect(gateway);
  return authorise(gateway);
}

GatewaySerial Lab::serial_of(const TestGateway& gateway) {
  return GatewaySerial(pki::parse_certificate(gateway.identity.certificate)->subject_cn);
}

void Lab::set_interface(TestGateway& gateway, const std::string& mac) {
  const auto parsed = *MacAddress::parse(mac);
  gateway.client.set_interfaces({{"port1", Bytes(parsed.bytes().begin(), parsed.bytes().end()), {}}});
}

void Lab::perform(act::Action& action) {
  if (auto* send = std::get_if<act::Send>(&action)) {
    if (const auto a = agents_.find(send->session); a != agents_.end()) {
      wire::TelemetryFrame frame;
      ASSERT_TRUE(frame.ParseFromArray(send->bytes.data(), static_cast<int>(send->bytes.size())));
      a->second->inbox.push_back(std::move(frame));
    } else if (const auto g = gateways_.find(send->session); g != gateways_.end()) {
      wire::FabricFrame frame;
      ASSERT_TRUE(frame.ParseFromArray(send->bytes.data(), static_cast<int>(send->bytes.size())));
      g->second->inbox.push_back(frame);
      g->second->client.on_frame(clock.now(), send->bytes);
    }
  } else if (auto* close = std::get_if<act::Close>(&action)) {
    if (const auto a = agents_.find(close->session); a != agents_.end()) {
      if (a->second->session == close->session) {
        a->second->closed = true;
        a->second->session = 0;
      }
      agents_.erase(a);
    } else if (const auto g = gateways_.find(close->session); g != gateways_.end()) {
      g->second->client.on_disconnected(clock.now(), close->reason);
      g->second->session = 0;
      gateways_.erase(g);
    }
  } else if (auto* complete = std::get_if<act::Complete>(&action)) {
    complete->call();
  } else if (auto* alert = std::get_if<act::Alert>(&action)) {
    alerts.push_back(alert->event);
  } else if (auto* web = std::get_if<act::WebCertificate>(&action)) {
    web_certificates_in_use.push_back(web->chain_pem);
  } else if (auto* telemetry = std::get_if<act::TelemetryCertificate>(&action)) {
    telemetry_certificates_in_use.push_back(telemetry->chain_pem);
  } else if (auto* changed = std::get_if<act::PasswordChanged>(&action)) {
    passwords_changed.push_back(changed->administrator);
  }
}

bool Lab::pump(TestGateway& gateway) {
  bool busy = false;
  for (auto& action : gateway.client.take_actions()) {
    busy = true;
    if (std::holds_alternative<proto::fabric::Connect>(action)) {
      gateway.session = ++sessions_;
      gateways_[gateway.session] = &gateway;
      core->fabric_opened(clock.now(), gateway.session, {gateway.identity.certificate, false},
                          *IpAddress::parse("10.0.2.1"));
      gateway.client.on_connected(clock.now());
    } else if (auto* send = std::get_if<proto::fabric::Send>(&action)) {
      if (gateway.session != 0) core->fabric_frame(clock.now(), gateway.session, send->bytes);
    } else if (auto* answer = std::get_if<proto::fabric::Answer>(&action)) {
      gateway.answers.push_back(*answer);
    } else if (auto* what_if = std::get_if<proto::fabric::WhatIf>(&action)) {
      if (gateway.what_if) gateway.client.answer_what_if(what_if->request_id, gateway.what_if(*what_if));
    } else if (std::holds_alternative<proto::fabric::Disconnect>(action)) {
      core->fabric_closed(clock.now(), gateway.session);
      gateways_.erase(gateway.session);
      gateway.session = 0;
    }
  }
  return busy;
}

}  // namespace postern::ems::testing
