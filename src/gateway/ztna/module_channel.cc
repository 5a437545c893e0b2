#include "gateway/ztna/module_channel.h"

#include <utility>

namespace postern::gateway {
namespace {

/// Workers nudge, and the hub looks again by itself; this only takes what slipped through both.
constexpr std::chrono::seconds kDrainEvery{1};
constexpr Sha256 kNoLeaf{};

}  // namespace

ModuleChannel::ModuleChannel(net::Loop& loop, std::unique_ptr<ecshm::Hub> hub, Callbacks callbacks)
    : hub_(std::move(hub)), callbacks_(std::move(callbacks)), clearing_(loop) {
  hub_->on_ask = [this](const Sha256& leaf) {
    if (callbacks_.on_ask) callbacks_.on_ask(leaf);
  };
  hub_->on_event = [this](std::uint64_t worker, const ecshm::EventView& event) { take(worker, event); };
  hub_->on_drained = [this] {
    if (callbacks_.on_drained) callbacks_.on_drained();
  };
  hub_->on_gone = [this](std::uint64_t worker) {
    forget(worker);
    clearing_.gone(worker);
    if (callbacks_.on_worker_gone) callbacks_.on_worker_gone(worker);
  };
  hub_->on_tally = [this](std::uint64_t worker, const ecshm::ServerTally& tally) {
    if (callbacks_.on_tally) callbacks_.on_tally(worker, tally);
  };
  hub_->on_cleared = [this](std::uint64_t worker, std::uint32_t ticket, std::uint32_t ended) {
    clearing_.answered(worker, ticket, ended);
  };
}

Result<std::unique_ptr<ModuleChannel>> ModuleChannel::open(net::Loop& loop,
                                                           const std::filesystem::path& dir,
                                                           ecshm::HubOptions options,
                                                           Callbacks callbacks) {
  auto hub = ecshm::Hub::listen(dir, std::move(options));
  if (!hub) return fail(hub.error());
  std::unique_ptr<ModuleChannel> channel(new ModuleChannel(loop, std::move(*hub), std::move(callbacks)));
  auto* raw = channel.get();
  channel->watch_ = loop.watch_readable(raw->hub_->poll_fd(), [raw] { raw->hub_->handle(); });
  channel->timer_ = loop.every(kDrainEvery, [raw] { raw->hub_->drain(); });
  return channel;
}

ModuleChannel::~ModuleChannel() {
  callbacks_.on_session = nullptr;  // With us all sessions end.
  callbacks_.on_stranger = nullptr;
  hub_->drain();
}

void ModuleChannel::take(std::uint64_t worker, const ecshm::EventView& event) {
  const auto session = [&](int change) {
    if (!event.leaf && event.detail.empty()) return;
    const auto leaf = event.leaf.value_or(kNoLeaf);
    const SessionPlace place{event.proxy, event.source, std::string(event.interface), event.kind, std::string(event.detail)};
    auto& count = sessions_[worker][{leaf, place}];
    // A close without its open (dropped, and told again since) must not make a count negative.
    if (count + change < 0) return;
    count += change;
    if (count == 0) sessions_[worker].erase({leaf, place});
    tell(leaf, place, change);
  };
  switch (event.type) {
    case ecshm::EventType::kAllowed:
      ++counters_.allowed;
      break;
    case ecshm::EventType::kDenied:
      ++counters_.denied;
      break;
    case ecshm::EventType::kCut:
      ++counters_.cut;
      break;
    case ecshm::EventType::kSessionOpen:
      session(+1);
      return;
    case ecshm::EventType::kSessionClose:
      session(-1);
      return;
    case ecshm::EventType::kSessionsReset:
      forget(worker);
      return;
  }
  if (callbacks_.on_event) callbacks_.on_event(event);
}

void ModuleChannel::forget(std::uint64_t worker) {
  const auto it = sessions_.find(worker);
  if (it == sessions_.end()) return;
  const auto gone = std::move(it->second);
  sessions_.erase(it);
  for (const auto& [session, count] : gone) tell(session.first, session.second, -count);
}

void ModuleChannel::tell(const Sha256& leaf, const SessionPlace& place, int change) {
  if (leaf == kNoLeaf) {
    if (callbacks_.on_stranger) callbacks_.on_stranger(place, change);
  } else if (callbacks_.on_session) {
    callbacks_.on_session(leaf, place, change);
  }
}

void ModuleChannel::clear(std::vector<ecshm::ClearOrder> orders, SessionClearing::Done done) {
  clearing_.start(std::move(orders), [this](const ecshm::ClearOrder& order) { return hub_->clear(order); }, std::move(done));
}

ModuleChannel::Counters ModuleChannel::counters() const {
  auto out = counters_;
  out.dropped = hub_->dropped_events();
  out.workers = hub_->workers();
  for (const auto& [worker, sessions] : sessions_) {
    for (const auto& [session, count] : sessions) out.sessions += session.first == kNoLeaf ? 0 : static_cast<std::uint64_t>(count);
  }
  return out;
}

}  // namespace postern::gateway
