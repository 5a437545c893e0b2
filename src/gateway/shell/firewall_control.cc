#include "gateway/shell/firewall_control.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "gateway/firewall/dry_run.h"

namespace postern::gateway {

FirewallControl::FirewallControl(Context& context, std::unique_ptr<firewall::Firewall> firewall)
    : context_(context), firewall_(std::move(firewall)) {
  look_ = context_.loop.every(kLookEvery, [this] { look(); });
}

Result<std::unique_ptr<FirewallControl>> FirewallControl::open(Context& context) {
  auto opened = firewall::Firewall::open();
  if (!opened) return fail(opened.error().context("firewall (--no-firewall runs without IP/MAC control)"));
  return std::unique_ptr<FirewallControl>(new FirewallControl(context, std::move(*opened)));
}

firewall::AddressEntry FirewallControl::entry(const AddressState& state) const {
  firewall::AddressEntry entry{state.ip, state.mac, state.interface, {}, {}, state.owner};
  for (const auto& [name, tag] : context_.core->tags().entries()) {
    if (state.tags[tag.bit]) entry.tags.insert(name);
    if (state.known[tag.bit] || (tag.info && tag.info->on_unknown_ignore)) entry.known.insert(name);
  }
  return entry;
}

void FirewallControl::use_policies() {
  firewall_->model().set_policies(firewall::compile_policies(context_.config));
  firewall_->model().set_unchecked(firewall::unchecked_interfaces(context_.config, default_routes_));
  dirty_ = true;
}

void FirewallControl::use_default_routes(std::set<std::string> interfaces) {
  default_routes_ = std::move(interfaces);
  firewall_->model().set_unchecked(firewall::unchecked_interfaces(context_.config, default_routes_));
  dirty_ = true;
}

std::string FirewallControl::ruleset_of(const config::GatewayConfig& config) const {
  auto model = firewall_->model();
  for (const auto& [ip, waiting] : waiting_) put(model, ip, waiting);
  return firewall::ruleset_of(std::move(model), config, default_routes_);
}

void FirewallControl::use_tags() {
  std::set<std::string> names;
  for (const auto& [name, tag] : context_.core->tags().entries()) {
    if (tag.info) names.insert(name);
  }
  firewall_->model().set_tags(std::move(names));
  for (const auto& [ip, state] : context_.core->addresses()) upsert(state);
  dirty_ = true;
}

void FirewallControl::upsert(const AddressState& state) {
  waiting_.insert_or_assign(state.ip, Waiting{entry(state), {}});
  dirty_ = true;
}

void FirewallControl::remove(const IpAddress& ip) {
  waiting_.insert_or_assign(ip, Waiting{std::nullopt, why_gone(ip)});
  dirty_ = true;
}

void FirewallControl::put(firewall::FirewallModel& model, const IpAddress& ip, const Waiting& waiting) {
  if (waiting.entry) {
    model.upsert(*waiting.entry);
  } else {
    model.remove(ip, waiting.why);
  }
}

void FirewallControl::put_some() {
  // The first table takes all: what holds addresses to their owners in that of a gateway before must not be missing in it.
  auto left = ready_ ? at_once_ : waiting_.size();
  while (left > 0 && !waiting_.empty()) {
    const auto first = waiting_.begin();
    // What changes nothing costs nothing.
    const auto& there = firewall_->model().addresses();
    const auto it = there.find(first->first);
    const bool same = first->second.entry ? it != there.end() && it->second == *first->second.entry : it == there.end();
    if (!same) {
      put(firewall_->model(), first->first, first->second);
      --left;
    }
    waiting_.erase(first);
  }
  all_put_ = waiting_.empty();
}

void FirewallControl::apply() {
  if (!dirty_ || firewall_->unfinished()) return;  // what is under way comes first
  const auto begun = context_.now().mono;
  if (begun < rest_until_) {
    if (!std::exchange(resting_, true)) {
      later_ = context_.loop.after(rest_until_ - begun, [this] {
        resting_ = false;
        apply();
      });
    }
    return;
  }
  dirty_ = false;
  put_some();
  ++counters_.transactions;
  transact(begun);
}

/// Until the change is in force; a large one takes several turns of the loop.
void FirewallControl::transact(MonoTime begun) {
  bring_into_force();
  if (firewall_->unfinished()) {
    going_on_ = context_.loop.after({}, [this, begun] {
      transact(begun);
      apply();  // what came meanwhile
    });
    return;
  }
  const auto ended = context_.now().mono;
  if (!all_put_ && applied_) {
    dirty_ = true;
    going_on_ = context_.loop.after({}, [this] { apply(); });
    return;
  }
  if (applied_) {
    if (const auto asked = std::exchange(lease_waits_, std::nullopt)) {
      renew_for(std::chrono::floor<Seconds>(std::min(begun, *asked) + GatewayCore::kLease - ended));
    }
  }
  rest_until_ = ended + std::min<MonoTime::duration>(ended - begun, kLongestRest);
}

void FirewallControl::bring_into_force() {
  if (auto applied = firewall_->apply(); !applied) {
    dirty_ = true;
    ++counters_.failed;
    // It is tried again ten times a second.
    if (applied_ || applied_.error().message != applied.error().message) {
      log_error("firewall.apply", applied.error().message);
    }
    applied_ = std::move(applied);
    return;
  }
  if (firewall_->unfinished()) return;
  applied_ = {};
  ready_ = true;
  std::set<IpAddress> own;
  for (const auto& interface : context_.core->resolver().interfaces()) {
    for (const auto& address : interface.addresses) own.insert(address.ip);
  }
  auto cleanup = firewall_->take_cleanup(std::move(own));
  if (!cleanup) return;
  auto forgotten = std::make_shared<firewall::Forgotten>();
  context_.loop.offload([cleanup = std::move(cleanup), forgotten] { *forgotten = cleanup(); },
                        [this, forgotten, alive = std::weak_ptr(alive_)] {
                          if (!alive.expired()) tell(*forgotten);
                        });
}

/// As of now, when the core has just let go of the address.
firewall::Gone FirewallControl::why_gone(const IpAddress& ip) const {
  using policy::Reason;
  const auto waits = waiting_.find(ip);
  const auto there = firewall_->model().addresses().find(ip);
  const bool newer = waits != waiting_.end() && waits->second.entry;
  if (!newer && there == firewall_->model().addresses().end()) return {};
  const auto owner = newer ? waits->second.entry->owner : there->second.owner;
  const auto& core = *context_.core;
  const auto connector = core.connectors().find(owner.connector);
  if (connector != core.connectors().end() && connector->second.stale) return {Reason::kStale, {}};
  const auto record = core.records().find(owner);
  if (record == core.records().end()) return {Reason::kUnknownEndpoint, {}};
  const Record& r = record->second;
  if (r.blocked || !r.registered) return {Reason::kRevoked, {}};
  if (r.quarantined) return {Reason::kQuarantined, {}};
  if (!r.online) return {Reason::kOffline, {}};
  return {Reason::kUnknownEndpoint, std::string(resolve_reason_text(core.resolver().why(owner, ip)))};
}

void FirewallControl::tell(const firewall::Forgotten& forgotten) const {
  if (!on_cut) return;
  const auto& core = *context_.core;
  ForwardCut out;
  out.time = context_.now().wall;
  for (const auto& cut : forgotten.cuts) {
    ForwardCut line = out;
    line.reason = cut.reason;
    line.detail = cut.detail;
    line.policy = cut.policy;
    for (const auto& p : context_.config.firewall_policies) {
      if (p.id == cut.policy) line.policy_name = p.name;
    }
    line.source = cut.flow.source;
    line.destination = cut.flow.destination;
    line.source_port = cut.flow.source_port;
    line.destination_port = cut.flow.port;
    line.protocol = cut.flow.protocol;
    line.tags = cut.tags;
    const bool named = !context_.config.log.anonymize;
    if (named) line.endpoint_uid = cut.owner.uid.str();
    if (const auto record = core.records().find(cut.owner); record != core.records().end()) {
      if (named) line.host_name = record->second.host_name;
      line.ems_serial = record->second.ems_serial.str();
    }
    on_cut(std::move(line));
  }
  for (const auto& [reason, count] : forgotten.beyond) {
    ForwardCut line = out;
    line.reason = reason;
    line.count = count;
    on_cut(std::move(line));
  }
}

void FirewallControl::renew_lease() {
  // What the kernel refuses may be what somebody has lost.
  if (unfinished() || !applied_) {
    lease_waits_ = context_.now().mono;
    return;
  }
  if (ready_) renew_for(GatewayCore::kLease);
}

void FirewallControl::renew_for(Seconds time) {
  if (time <= Seconds(0)) return;
  renewed_ = firewall_->renew(static_cast<unsigned>(time.count()));
  if (renewed_) return;
  log_error("firewall.lease", renewed_.error().message);
  dirty_ = true;  // without its table nothing is filtered
}

void FirewallControl::look() {
  if (!ready_ || looking_ || firewall_->unfinished() || context_.now().mono < look_again_ || !firewall_->changed_elsewhere()) return;
  // What stands in large sets takes long to read. Meanwhile at least the rules are looked at.
  const bool whole = context_.now().mono >= look_whole_again_;
  auto inspection = firewall_->take_inspection(whole);
  if (!inspection) return;
  looking_ = true;
  const auto begun = context_.now().mono;
  context_.loop.offload(std::move(inspection), [this, begun, whole, alive = std::weak_ptr(alive_)] {
    if (!alive.expired()) looked(begun, whole);
  });
}

void FirewallControl::looked(MonoTime begun, bool whole) {
  looking_ = false;
  // Others may change their tables all the time: about a tenth of one core goes into looking at ours.
  const auto ended = context_.now().mono;
  (whole ? look_whole_again_ : look_again_) = ended + 9 * (ended - begun);
  if (firewall_->conclude() != firewall::Firewall::Inspected::kChanged) return;
  ++counters_.mended;
  log_warning("firewall.mended",
              "somebody else changed the table inet postern: it is built anew. Rules of your own belong into a table of "
              "your own; postern-gateway firewall remove takes ours away once the gateway has stopped");
  dirty_ = true;
  apply();
}

void FirewallControl::end() {
  look_.cancel();
  later_.cancel();
  going_on_.cancel();
  dirty_ = false;
  if (!ready_) return;
  if (auto ended = firewall_->end_lease(); !ended) return log_warning("firewall.lease", ended.error().message);
  log_info("firewall.stays",
           "the table inet postern stays, so that nothing is forwarded that no policy lets through; postern-gateway "
           "firewall remove takes it away");
}

}  // namespace postern::gateway
