#include "agent_node.h"

#include <fmt/format.h>

#include "pki/authority.h"
#include "posture/fact_keys.h"
#include "proto/fact_codec.h"
#include "wire/telemetry.pb.h"

namespace postern::sim {
namespace {

namespace keys = posture::keys;
namespace agent = proto::agent;
using std::chrono::milliseconds;
using std::chrono::seconds;

std::string raw(const MacAddress& mac) { return std::string(mac.bytes().begin(), mac.bytes().end()); }

Bytes bytes_of(const google::protobuf::MessageLite& message) {
  Bytes out(message.ByteSizeLong());
  message.SerializeToArray(out.data(), static_cast<int>(out.size()));
  return out;
}

}  // namespace

MacAddress gateway_mac(std::size_t segment) {
  return MacAddress({0x02, 0, 0, 0, 0, static_cast<std::uint8_t>(segment + 1)});
}

IpAddress segment_address(std::size_t segment, unsigned host) {
  return IpAddress::v4({10, 0, static_cast<std::uint8_t>(segment + 1), static_cast<std::uint8_t>(host)});
}

AgentNode::AgentNode(World& world, int index)
    : mac({0x02, 0x09, 0x0f, 0, 1, static_cast<std::uint8_t>(index + 1)}),
      world_(world),
      index_(index),
      name_(fmt::format("agent{}", index)),
      machine_id_(fmt::format("{:032x}", 0xabcdef00 + index)),
      random_(world.dice.seed()) {
  segment = static_cast<std::size_t>(index) % 2;
  ip = segment_address(segment, 10 + static_cast<unsigned>(index));
  source = ip;
}

void AgentNode::start() {
  up_ = true;
  ++run_;
  connection_ = 0;
  enrolling_ = false;
  tick_at_ = MonoTime::max();
  if (uid_.empty()) {
    enrol();
  } else {
    begin_telemetry();
  }
}

void AgentNode::kill(bool machine_lost, Nanos down) {
  if (!up_) return;
  world_.journal.note(Kind::kAgentKilled, "{} dies{}", name_, machine_lost ? " with its machine" : "");
  if (machine_lost) world_.journal.note(Kind::kMachineLost, "{}'s", name_);
  up_ = false;
  ++run_;
  client_.reset();
  connection_ = 0;
  world_.network.client_died(*this, machine_lost);
  if (machine_lost) clock.booted = world_.mono().time_since_epoch();
  world_.timeline.after(down, [this] { start(); });
}

// ---- enrolment

void AgentNode::retry_enrol(Nanos wait) {
  enrolling_ = false;
  world_.timeline.after(wait, [this, run = run_] {
    if (run == run_ && up_ && !enrolling_ && uid_.empty()) enrol();
  });
}

void AgentNode::enrol() {
  if (!key_) key_ = pki::PrivateKey::generate();
  enrolling_ = true;
  connection_ = world_.network.connect(*this, Service::kEnrol, {host(), name_, source, {}});
  world_.timeline.after(seconds(15), [this, run = run_, id = connection_] {
    if (run != run_ || !enrolling_ || connection_ != id) return;
    world_.network.close_from_client(id);
    connection_ = 0;
    retry_enrol(seconds(1));
  });
}

void AgentNode::on_enrolled(ByteView bytes) {
  wire::EnrolResponse response;
  response.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
  world_.network.close_from_client(connection_);
  connection_ = 0;
  if (!response.error_code().empty()) {
    world_.journal.say("{} is not enrolled: {}", name_, response.error_message());
    // A key that was deregistered is of no use any more.
    if (response.error_code() == "permission_denied") key_.reset();
    return retry_enrol(seconds(2));
  }
  enrolling_ = false;
  uid_ = EndpointUid(response.uid());
  chain_.clear();
  for (const auto& der : response.chain_der()) chain_.emplace_back(der.begin(), der.end());
  world_.journal.note(Kind::kEnrolled, "{} is {}", name_, uid_.str());
  world_.ledger.enrolled(uid_, leaf_sha256());
  begin_telemetry();
}

// ---- telemetry

void AgentNode::begin_telemetry() {
  client_ =
      std::make_unique<proto::TelemetryClient>(proto::TelemetryClient::Identity{uid_, "simulated", "boot"}, random_);
  posture_changed();
  if (!client_) return;
  client_->enable(now());
  pump();
}

void AgentNode::posture_changed() {
  if (!client_) return;
  const auto fact = [&](posture::FactValue value) { return posture::Fact{std::move(value), now().wall, "simulated"}; };
  const auto set = [&](std::string_view key, posture::FactValue value) {
    client_->set_fact(std::string(key), fact(std::move(value)));
  };
  set(keys::kHostName, name_);
  set(keys::kOsFamily, std::string("linux"));
  set(keys::kMachineId, machine_id_);
  set(keys::kMacs, std::vector<std::string>{mac.str()});
  posture::Interface eth0{"eth0", mac, {ip}, true};
  if (claimed) eth0.addresses.push_back(*claimed);
  set(keys::kInterfaces, std::vector{eth0});
  set(keys::kRoutes,
      std::vector{posture::Route{"eth0", segment_address(segment, 1), gateway_mac(segment), ip, false, 0}});
  // Of processes and files only what is asked for.
  std::map<std::string, bool> probed;
  for (const auto& key : client_->probes()) {
    if (const auto name = keys::argument_of(key, keys::kProcessRunning); !name.empty()) {
      probed[key] = posture.processes.contains(std::string(name));
    } else if (const auto path = keys::argument_of(key, keys::kFileExists); !path.empty()) {
      probed[key] = posture.files.contains(std::string(path));
    }
  }
  std::vector<std::string> gone;
  for (const auto& [key, held] : client_->facts()) {
    const bool probe = key.starts_with("process.running:") || key.starts_with("file.exists:");
    if (probe && !probed.contains(key)) gone.push_back(key);
  }
  for (const auto& key : gone) client_->remove_fact(key);
  for (const auto& [key, there] : probed) set(key, there);
  pump();
}

void AgentNode::renew() {
  if (!client_ || !client_->connected()) return;
  client_->renew(pki::make_request(*key_));
  pump();
}

void AgentNode::remember_report(ByteView bytes) {
  wire::TelemetryFrame frame;
  if (!frame.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) || !frame.has_report()) return;
  Ledger::Report report;
  report.seq = frame.report().seq();
  report.full = frame.report().full();
  for (const auto& f : frame.report().facts()) {
    if (auto decoded = proto::decode_fact(f)) report.facts[f.key()] = std::move(decoded->value);
  }
  for (const auto& key : frame.report().removed()) report.facts[key] = std::nullopt;
  world_.ledger.report_sent(uid_, connection_, std::move(report));
}

void AgentNode::pump() {
  if (!client_) return;
  client_->flush(now());
  for (auto actions = client_->take_actions(); !actions.empty();
       actions = client_ ? client_->take_actions() : decltype(actions)()) {
    for (auto& action : actions) {
      if (std::holds_alternative<agent::Connect>(action)) {
        connection_ = world_.network.connect(*this, Service::kTelemetry, {host(), name_, source, leaf()});
      } else if (auto* send = std::get_if<agent::Send>(&action)) {
        if (connection_ == 0) continue;
        remember_report(send->bytes);
        world_.network.send_to_server(connection_, std::move(send->bytes));
      } else if (auto* bye = std::get_if<agent::Disconnect>(&action)) {
        world_.journal.say("{} closes #{}: {}", name_, connection_, bye->reason);
        if (connection_ != 0) world_.network.close_from_client(connection_);
        connection_ = 0;
      } else if (std::holds_alternative<agent::ProbesChanged>(action)) {
        world_.timeline.after(milliseconds(1), [this, run = run_] {
          if (run == run_) posture_changed();
        });
      } else if (auto* renewed = std::get_if<agent::Renewed>(&action)) {
        chain_ = std::move(renewed->chain_der);
        world_.journal.note(Kind::kRenewed, "{}", name_);
        world_.ledger.certificate_given(uid_, leaf_sha256());
        // The new certificate is used from the next connection on: make one.
        world_.timeline.after(milliseconds(1), [this, run = run_] {
          if (run != run_ || !client_) return;
          client_->disable();
          client_->enable(now());
          pump();
        });
      } else if (std::holds_alternative<agent::Deregistered>(action)) {
        world_.journal.say("{} is told that it is not registered any more", name_);
        uid_ = {};
        chain_.clear();
        key_.reset();
        world_.timeline.after(milliseconds(1), [this, run = run_] {
          if (run == run_) client_.reset();
        });
        retry_enrol(seconds(3));
      }
    }
  }
  plan_tick();
}

void AgentNode::plan_tick() {
  if (!client_) return;
  const auto deadline = client_->next_deadline();
  if (deadline == MonoTime::max()) return;
  const auto when = std::max(clock.to_simulation(deadline), world_.mono() + milliseconds(1));
  if (tick_at_ <= when && tick_at_ > world_.mono()) return;
  tick_at_ = when;
  world_.timeline.at(when, [this, run = run_, when] {
    if (run != run_ || !client_ || tick_at_ != when) return;
    tick_at_ = MonoTime::max();
    client_->on_tick(now());
    pump();
  });
}

// ---- the network's end

void AgentNode::on_open(ConnectionId id) {
  if (id != connection_) return;
  if (enrolling_) {
    wire::EnrolRequest request;
    request.set_code(invitation);
    request.set_csr_der(std::string(as_text(pki::make_request(*key_))));
    request.set_host_name(name_);
    request.set_machine_id(machine_id_);
    request.add_macs(raw(mac));
    world_.network.send_to_server(id, bytes_of(request));
    return;
  }
  client_->on_connected(now());
  pump();
}

void AgentNode::on_message(ConnectionId id, ByteView bytes, MonoTime) {
  if (id != connection_) return;
  if (enrolling_) return on_enrolled(bytes);
  wire::TelemetryFrame frame;
  if (frame.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) && frame.has_ack()) {
    world_.ledger.report_acknowledged(uid_, id, frame.ack().seq());
  }
  client_->on_frame(now(), bytes);
  pump();
}

void AgentNode::on_closed(ConnectionId id, const std::string& reason) {
  if (id != connection_) return;
  connection_ = 0;
  if (enrolling_) return retry_enrol(seconds(1));
  if (!client_) return;
  client_->on_disconnected(now(), reason);
  pump();
}

}  // namespace postern::sim
