#pragma once
// The gateway's end of the socket and the event rings of nginx's workers, on the gateway's loop.
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>

#include "base/result.h"
#include "base/sha256.h"
#include "ecshm/channel.h"
#include "ecshm/event.h"
#include "gateway/core/session_place.h"
#include "gateway/ztna/session_clearing.h"
#include "net/loop.h"

namespace postern::gateway {

/// Thread: loop.
class ModuleChannel {
 public:
  struct Callbacks {
    /// A certificate without a slot; sooner or later `answer` has to be called for it.
    /// GatewayCore::on_unknown_certificate.
    std::function<void(const Sha256& leaf)> on_ask;
    /// Allowed, denied, cut.
    std::function<void(const ecshm::EventView& event)> on_event;
    /// +n or -n live sessions of this certificate; also when a worker dies with its own.
    /// GatewayCore::on_session.
    std::function<void(const Sha256& leaf, const SessionPlace& place, int change)> on_session;
    /// No more events for now: TrafficLog::flush.
    std::function<void()> on_drained = nullptr;
    /// ServerCounts::take and gone.
    std::function<void(std::uint64_t worker, const ecshm::ServerTally& tally)> on_tally = nullptr;
    std::function<void(std::uint64_t worker)> on_worker_gone = nullptr;
    /// Likewise +n or -n of forwarded TCP, of clients without a certificate: no sessions. LeadingAway::stranger.
    std::function<void(const SessionPlace& place, int change)> on_stranger = nullptr;
  };
  struct Counters {
    std::uint64_t allowed = 0;
    std::uint64_t denied = 0;
    std::uint64_t cut = 0;
    std::uint64_t dropped = 0;  ///< Events that found a ring full.
    std::uint64_t workers = 0;
    std::uint64_t sessions = 0;
  };

  /// `dir`: that of ecshm::Writer, which has to be there already. Errors: those of
  /// ecshm::Hub::listen.
  static Result<std::unique_ptr<ModuleChannel>> open(net::Loop& loop,
                                                     const std::filesystem::path& dir,
                                                     ecshm::HubOptions options,
                                                     Callbacks callbacks);
  /// Takes what the rings still hold, so that an orderly end leaves no gap in the log.
  ~ModuleChannel();

  /// Something changed in ec-shm: give this to ecshm::Writer::on_notify.
  void wake() { hub_->wake(); }
  /// To be called after the slot is written, if there is one.
  void answer(const Sha256& leaf) { hub_->answer(leaf); }
  /// ecshm::Hub::missing.
  Status missing() const { return hub_->missing(); }
  /// Takes what the rings hold now.
  void drain() { hub_->drain(); }
  /// Ends the sessions that fit any of the orders, and says how many those were.
  void clear(std::vector<ecshm::ClearOrder> orders, SessionClearing::Done done);
  Counters counters() const;
  /// Of them what costs nothing to know: allowed, denied and cut; and how many are in none of these.
  const Counters& decisions() const { return counters_; }
  std::uint64_t dropped() const { return hub_->dropped_events(); }

 private:
  ModuleChannel(net::Loop& loop, std::unique_ptr<ecshm::Hub> hub, Callbacks callbacks);
  void take(std::uint64_t worker, const ecshm::EventView& event);
  void forget(std::uint64_t worker);
  void tell(const Sha256& leaf, const SessionPlace& place, int change);

  std::unique_ptr<ecshm::Hub> hub_;
  Callbacks callbacks_;
  Counters counters_;
  std::map<std::uint64_t, std::map<std::pair<Sha256, SessionPlace>, int>> sessions_;  // zeros: of a client without a certificate
  SessionClearing clearing_;
  net::Handle watch_;
  net::Handle timer_;
};

}  // namespace postern::gateway
