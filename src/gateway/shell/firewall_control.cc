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
  firewall::AddressEntry entry{state.ip, state.mac, state.interface, {}, {}};
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
  return firewall::ruleset_of(firewall_->model(), config, default_routes_);
}

void FirewallControl::use_tags() {
  std::set<std::string> names;
  for (const auto& [name, tag] : context_.core->tags().entries()) {
    if (tag.info) names.insert(name);
  }
  firewall_->model().set_tags(std::move(names));
  for (const auto& [ip, state] : context_.core->addresses()) firewall_->model().upsert(entry(state));
  dirty_ = true;
}

void FirewallControl::upsert(const AddressState& state) {
  firewall_->model().upsert(entry(state));
  dirty_ = true;
}

void FirewallControl::remove(const IpAddress& ip) {
  firewall_->model().remove(ip);
  dirty_ = true;
}

void FirewallControl::apply() {
  if (!dirty_) return;
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
  transact();
  const auto ended = context_.now().mono;
  rest_until_ = ended + std::min<MonoTime::duration>(ended - begun, kLongestRest);
}

void FirewallControl::transact() {
  ++counters_.transactions;
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
  applied_ = {};
  ready_ = true;
  if (auto cleanup = firewall_->take_cleanup()) context_.loop.offload(std::move(cleanup), [] {});
}

void FirewallControl::renew_lease() {
  if (!ready_) return;
  renewed_ = firewall_->renew(static_cast<unsigned>(GatewayCore::kLease.count()));
  if (renewed_) return;
  log_error("firewall.lease", renewed_.error().message);
  dirty_ = true;  // without its table nothing is filtered
}

void FirewallControl::look() {
  if (!ready_ || looking_ || context_.now().mono < look_again_ || !firewall_->changed_elsewhere()) return;
  auto inspection = firewall_->take_inspection();
  if (!inspection) return;
  looking_ = true;
  const auto begun = context_.now().mono;
  context_.loop.offload(std::move(inspection), [this, begun, alive = std::weak_ptr(alive_)] {
    if (!alive.expired()) looked(begun);
  });
}

void FirewallControl::looked(MonoTime begun) {
  looking_ = false;
  // Others may change their tables all the time: no more than a tenth of one core goes into looking at ours.
  const auto ended = context_.now().mono;
  look_again_ = ended + 9 * (ended - begun);
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
  dirty_ = false;
  if (!ready_) return;
  if (auto ended = firewall_->end_lease(); !ended) return log_warning("firewall.lease", ended.error().message);
  log_info("firewall.stays",
           "the table inet postern stays, so that nothing is forwarded that no policy lets through; postern-gateway "
           "firewall remove takes it away");
}

}  // namespace postern::gateway
