#include "agent/shell/daemon.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/collectors/stopping.h"
#include "agent/core/agent_core.h"
#include "agent/forward/forwarding.h"
#include "agent/local_api/request.h"
#include "agent/local_api/status.h"
#include "agent/shell/ems_link.h"
#include "agent/shell/enroller.h"
#include "agent/shell/local_server.h"
#include "agent/shell/sources.h"
#include "agent/shell/state_dir.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "posture/fact_keys.h"
#include "posture/unknown_source.h"
#include "proto/invitation.h"

namespace postern::agent {
namespace {

/// An enrolment is answered when its first connection stands, or after this.
constexpr std::chrono::seconds kConnectPatience{10};
/// Questions of rules that were kept from the last run are answered before the first connection, or after this.
constexpr std::chrono::seconds kAnswerPatience{4};

std::string boot_id() {
  const auto text = read_file("/proc/sys/kernel/random/boot_id", 128);
  return text ? std::string(trim(*text)) : std::string();
}

class Daemon {
 public:
  Daemon(const DaemonOptions& options, StateDir state)
      : options_(options), state_(std::move(state)), core_({POSTERN_VERSION, boot_id(), {}}, random_),
        link_(loop_, clock_, link_events()), enroller_(loop_, state_, clock_), sources_(loop_, clock_, sink()) {}

  Status start();
  void run() { loop_.run(); }

 private:
  Now now() const { return clock_.now(); }
  EmsLink::Events link_events();
  Sources::Sink sink();
  /// What could not be read, once for each reason.
  void log_failures(const posture::FactMap& facts) const;
  /// After every event: what changed goes out, and the next tick is planned.
  void settle();
  void perform(act::Action& action);
  void connect();
  void follow_destinations();
  std::optional<net::TlsIdentity> identity() const;
  void plan_tick();
  void on_request(const net::PeerCredentials& peer, const std::string& message, LocalServer::Answer answer);
  void enrol(const std::string& invitation, LocalServer::Answer answer);
  void answer_enrolled();
  void answer_left(const act::Left& left);
  AgentStatus status() const;

  const DaemonOptions& options_;
  SystemClock clock_;
  SystemRandom random_;
  net::Loop loop_;
  StateDir state_;
  AgentCore core_;
  EmsLink link_;
  Enroller enroller_;
  Sources sources_;
  Forwarding forwarding_{loop_, clock_, [this] { return identity(); }};
  std::unique_ptr<LocalServer> server_;
  net::Handle tick_, signals_;
  LocalServer::Answer enrolled_;   // who enrolled this machine, until the EMS has told it its state
  net::Handle enrolled_wait_;
  LocalServer::Answer left_;       // who deregisters this machine, until the EMS was told or could not be
  EndpointUid leaving_uid_;
  Status forgotten_;               // how the last act::Forget went
  MonoTime tick_at_ = MonoTime::max();
  bool settling_ = false;
  bool was_connected_ = false;
  bool connected_before_ = false;  // in this run, as far as it was tried
  net::Handle connect_held_;       // until what rules ask is answered
};

EmsLink::Events Daemon::link_events() {
  return {[this] {
            core_.on_connected(now());
            settle();
          },
          [this](ByteView bytes) {
            core_.on_frame(now(), bytes);
            settle();
          },
          [this](std::string reason) {
            if (const auto& e = core_.enrolment()) reason = why_not_connected(*e, now().wall, std::move(reason));
            log_warning("agent.disconnected", reason);
            core_.on_disconnected(now(), std::move(reason));
            settle();
          }};
}

Sources::Sink Daemon::sink() {
  return {[this](const std::string& family, const posture::FactMap& facts) {
            log_failures(facts);
            core_.set_family(family, facts);
          },
          [this](const std::string& name, bool running) { core_.set_process(now(), name, running); },
          [this](const std::string& path, posture::FactValue value, std::string_view why) {
            log_failures({{posture::keys::file_exists(path), {value, {}, posture::unknown_source(path, why)}}});
            core_.set_file(now(), path, std::move(value), why);
          },
          [this](const std::string& text) {
            if (!text.empty()) core_.set_inventory(text, now().wall);
          },
          [this] {
            if (connect_held_ && !sources_.unanswered()) connect();
            settle();
          },
          [this](const posture::FactMap& facts) {
            log_failures(facts);
            core_.set_answers(facts);
          }};
}

void Daemon::log_failures(const posture::FactMap& facts) const {
  const posture::FactValue failed{posture::Unknown{posture::UnknownReason::kFailed}};
  for (const auto& [key, fact] : facts) {
    if (fact.value != failed) continue;
    const auto before = core_.facts().find(key);
    const bool logged = before != core_.facts().end() && before->second.value == failed && before->second.source == fact.source;
    if (!logged) log_warning("agent.fact_failed", fact.source, {{"fact", key}});
  }
}

void Daemon::connect() {
  connect_held_.cancel();
  if (core_.enrolment()) link_.connect(*core_.enrolment());
}

Status Daemon::start() {
  auto stored = state_.load();
  if (!stored) return fail(stored.error());
  if (auto ok = make_directories(options_.runtime_dir, 0755); !ok) return ok;
  LocalServer::Options local;
  local.limits.exempt.insert(::geteuid());
  auto server = LocalServer::listen(
      loop_, (options_.runtime_dir / kLocalSocket).string(), std::move(local),
      [this](const net::PeerCredentials& peer, const std::string& message, LocalServer::Answer answer) {
        on_request(peer, message, std::move(answer));
      });
  if (!server) return fail(server.error());
  server_ = std::move(*server);
  signals_ = loop_.on_signal({SIGTERM, SIGINT}, [this](int) { loop_.stop(); });
  // Facts first: the first report is then whole.
  settling_ = true;
  sources_.start();
  settling_ = false;
  core_.start(now(), std::move(stored->enrolment), std::move(stored->deregistered_because), std::move(stored->wishes));
  settle();
  log_info("agent.started", "started", {{"registration", std::string(registration_name(core_.registration()))}});
  return {};
}

void Daemon::settle() {
  if (settling_) return;  // further out on the stack it goes on until nothing is left
  settling_ = true;
  for (;;) {
    core_.flush(now());
    auto actions = core_.take_actions();
    if (actions.empty()) break;
    for (auto& action : actions) perform(action);
  }
  settling_ = false;
  plan_tick();
}

void Daemon::perform(act::Action& action) {
  if (auto* send = std::get_if<act::Send>(&action)) {
    link_.send(std::move(send->bytes));
  } else if (std::holds_alternative<act::Connect>(action)) {
    // The first report of a run replaces what the EMS holds: it had better be whole.
    const bool first = !std::exchange(connected_before_, true);
    if (first && sources_.unanswered()) {
      connect_held_ = loop_.after(kAnswerPatience, [this] { connect(); });
    } else {
      connect();
    }
  } else if (auto* gone = std::get_if<act::Disconnect>(&action)) {
    connect_held_.cancel();
    link_.disconnect(gone->reason);
  } else if (auto* store = std::get_if<act::Store>(&action)) {
    const auto ok = state_.store(store->enrolment);
    if (ok) {
      log_info("agent.renewed", "the certificate was renewed", {{"sn", store->enrolment.certificate.str()}});
    } else {
      log_error("agent.renewal", ok.error().message);
    }
    core_.stored(now(), ok);
  } else if (auto* forget = std::get_if<act::Forget>(&action)) {
    log_warning("agent.deregistered", forget->reason.empty() ? "deregistered on this machine" : forget->reason);
    forgotten_ = state_.forget(forget->reason);
    if (!forgotten_) log_error("agent.forget", forgotten_.error().message);
    follow_destinations();
  } else if (const auto* left = std::get_if<act::Left>(&action)) {
    answer_left(*left);
  } else if (std::holds_alternative<act::WishesChanged>(action)) {
    follow_destinations();
    sources_.watch(core_.wishes());
    if (!core_.registered()) return;
    if (auto ok = state_.store_wishes(core_.wishes()); !ok) log_error("agent.wishes", ok.error().message);
  } else if (std::holds_alternative<act::InventoryWanted>(action)) {
    sources_.tell_inventory();
  } else if (std::holds_alternative<act::StateChanged>(action)) {
    if (enrolled_ && core_.quarantined()) answer_enrolled();  // what the EMS says last of a new connection
    if (core_.connected() == was_connected_) return;
    was_connected_ = core_.connected();
    if (was_connected_) log_info("agent.connected", "connected", {{"ems", link_.address()}});
  }
}

void Daemon::follow_destinations() {
  forwarding_.set(core_.registered() ? core_.wishes().destinations : std::vector<proto::ZtnaDestination>());
}

std::optional<net::TlsIdentity> Daemon::identity() const {
  const auto& e = core_.enrolment();
  if (!core_.registered() || !e) return std::nullopt;
  return net::TlsIdentity{e->chain_pem(), e->key.to_pem()};
}

void Daemon::plan_tick() {
  const auto at = core_.next_deadline();
  if (at == tick_at_) return;
  tick_at_ = at;
  if (at == MonoTime::max()) return tick_.cancel();
  tick_ = loop_.after(std::max(at - now().mono, std::chrono::nanoseconds(0)), [this] {
    tick_at_ = MonoTime::max();
    core_.on_tick(now());
    settle();
  });
}

void Daemon::on_request(const net::PeerCredentials& peer, const std::string& message, LocalServer::Answer answer) {
  const auto request = parse_local_request(message);
  if (!request) return answer(local_error(request.error()));
  if (needs_owner(request->command) && peer.uid != 0 && peer.uid != ::geteuid()) {
    return answer(local_error({ErrorCode::kPermissionDenied, "only root may do this (try with sudo)"}));
  }
  switch (request->command) {
    case LocalRequest::Command::kStatus: return answer(local_answer(status_json(status())));
    case LocalRequest::Command::kDestinations: return answer(local_answer(forwarding_.json()));
    case LocalRequest::Command::kEnrol: return enrol(request->invitation, std::move(answer));
    case LocalRequest::Command::kDeregister:
      if (!core_.registered()) return answer(local_error({ErrorCode::kConflict, "this machine is not registered"}));
      if (core_.leaving()) return answer(local_error({ErrorCode::kConflict, "this machine is being deregistered already"}));
      left_ = std::move(answer);
      leaving_uid_ = core_.enrolment()->uid;
      core_.deregister(now(), request->force);
      return settle();
    case LocalRequest::Command::kRecheck: return sources_.recheck([answer] { answer(local_answer()); });
  }
}

void Daemon::enrol(const std::string& text, LocalServer::Answer answer) {
  if (core_.registered()) {
    return answer(local_error({ErrorCode::kConflict, "this machine is registered already with EMS " +
                                                         core_.enrolment()->ems_serial.str() +
                                                         "; to move it elsewhere: postern-agent deregister" +
                                                         (core_.enrolment()->expired(now().wall)
                                                              ? " --force (its certificate has expired)"
                                                              : "")}));
  }
  auto invitation = proto::parse_invitation(text);
  if (!invitation) return answer(local_error(invitation.error()));
  enroller_.start(std::move(*invitation), core_.facts(), POSTERN_VERSION, [this, answer](Result<Enrolment> result) {
    if (!result) {
      log_warning("agent.enrol", result.error().message);
      return answer(local_error(result.error()));
    }
    log_info("agent.enrolled", "enrolled", {{"ems", result->ems_serial.str()}, {"uid", result->uid.str()}});
    enrolled_ = answer;
    enrolled_wait_ = loop_.after(kConnectPatience, [this] { answer_enrolled(); });
    core_.enrolled(now(), std::move(*result));
    settle();
  });
}

void Daemon::answer_enrolled() {
  enrolled_wait_.cancel();
  if (const auto answer = std::exchange(enrolled_, nullptr)) answer(local_answer(status_json(status())));
}

void Daemon::answer_left(const act::Left& left) {
  const auto answer = std::exchange(left_, nullptr);
  if (!answer) return;
  const auto& told = left.told;
  if (core_.registered() && left.perhaps) {
    return answer(local_error(
        {ErrorCode::kUnavailable,
         "the EMS was told and has not answered (" + told.error().message +
             "): if it has stored it, this machine forgets key and certificate when it hears so next. Look at "
             "postern-agent status when the EMS can be reached; still registered, try again"}));
  }
  if (core_.registered()) {
    return answer(local_error(
        {ErrorCode::kUnavailable,
         "the EMS could not be told (" + told.error().message +
             "), and nothing was changed: try again when it can be reached. To forget key and certificate on this machine "
             "all the same: postern-agent deregister --force; a copy of them is let in while the EMS takes this endpoint "
             "for online, so have an administrator deregister it there: postern deregister " + leaving_uid_.str()}));
  }
  if (!forgotten_) {
    return answer(local_error({forgotten_.error().code, "deregistered, but the key could not be destroyed: " +
                                                            forgotten_.error().message + "; remove it yourself"}));
  }
  answer(local_answer(told ? left_json() : left_json(told.error().message, leaving_uid_.str())));
}

AgentStatus Daemon::status() const {
  AgentStatus out;
  out.version = POSTERN_VERSION;
  out.registration = core_.registration();
  out.deregistered_because = core_.deregistered_because();
  if (const auto it = core_.facts().find(posture::keys::kHostName); it != core_.facts().end()) {
    if (const auto* name = it->second.as<std::string>()) out.host_name = *name;
  }
  if (const auto& e = core_.enrolment()) {
    out.uid = e->uid.str();
    out.ems_serial = e->ems_serial.str();
    out.tenant_id = e->tenant.str();
    out.ems_address = link_.address();
    out.certificate_sn = e->certificate.str();
    out.certificate_expires = e->not_after;
    out.certificate_expired = e->expired(now().wall);
  }
  out.connected = core_.connected();
  out.connected_since = core_.connected_since();
  out.profile = core_.profile().name;
  out.show_tags = core_.profile().show_tags;
  out.vulnerability_scan = core_.wishes().vulnerability_scan;
  out.quarantined = core_.quarantined();
  if (out.show_tags) out.tags = core_.tags();
  for (const auto& source : sources_.list())
    out.sources.push_back({source.name, source.by, source.note, source.events, source.every});
  out.last_error = core_.last_error();
  return out;
}

}  // namespace

int run_agent(const DaemonOptions& options) {
  auto state = StateDir::open(options.data_dir);
  if (!state) {
    log_error("agent.start", state.error().message);
    return 1;
  }
  Daemon daemon(options, std::move(*state));
  if (auto ok = daemon.start(); !ok) {
    log_error("agent.start", ok.error().message);
    return 1;
  }
  daemon.run();
  give_up_waiting();
  return 0;
}

}  // namespace postern::agent
