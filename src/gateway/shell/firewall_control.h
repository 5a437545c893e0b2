#pragma once
// IP and MAC control: the core's addresses and tags, and the configured policies, in nftables.
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "gateway/firewall/firewall.h"
#include "gateway/shell/context.h"
#include "gateway/ztna/forward_log.h"

namespace postern::gateway {

/// Changes are collected until `apply`. Ten times a second it looks whether somebody else changed nftables; where that was
/// our table, it is built anew. Thread: loop.
class FirewallControl {
 public:
  /// Errors: firewall::Firewall::open's.
  static Result<std::unique_ptr<FirewallControl>> open(Context& context);

  void use_policies();  ///< Of the configuration.
  /// Interfaces that default routes lead out by.
  void use_default_routes(std::set<std::string> interfaces);
  void use_tags();      ///< Of the core, and what they mean for every address.
  void upsert(const AddressState& state);
  void remove(const IpAddress& ip);
  /// What was changed takes effect; failing, it is tried again with the next change. A transaction costs milliseconds,
  /// however little it changes: after one, what changes for as long as it took (100 ms at most) goes into the next, so
  /// that a flood of changes is followed as fast as it comes. A very large change goes on in the next turns of the loop.
  void apply();
  /// A very large change is on its way into the kernel, perhaps in several parts. Meanwhile the firewall's lease isn't renewed: beyond
  /// five seconds what depends on a tag passes no more, until it is done. Then it is renewed, for five seconds from when its last part
  /// was begun, as what was told since waits for the next one, or from when that was asked for last, if it is longer ago: a gateway that
  /// stood still grants nothing by what it knew before.
  bool unfinished() const { return firewall_->unfinished() || !all_put_; }
  /// So many addresses change at once. To find what that means for every set takes the loop a while, in which it does nothing else: of
  /// a hundred thousand, longer than leases last. Each address is judged by itself, so the others go on being judged as before.
  static constexpr std::size_t kAtOnce = 4096;
  void set_at_once(std::size_t addresses) { at_once_ = addresses; }
  void set_slice(std::chrono::nanoseconds slice) { firewall_->set_slice(slice); }  ///< Firewall::set_slice.
  /// Whether `apply` would wait now.
  bool resting() const { return context_.now().mono < rest_until_; }
  /// Failing (somebody took the table away), the whole table is built anew by `apply`. Not while the kernel refuses what changed: what
  /// depends on a tag then passes no more once the lease has run out, as who has lost it would go on with it.
  void renew_lease();
  /// See firewall/dry_run.h: of the addresses and tags of now.
  std::string ruleset_of(const config::GatewayConfig& config) const;
  /// Whether the kernel has taken everything; otherwise what it said.
  Status health() const { return !applied_ ? applied_ : renewed_; }
  /// Of nftables; a failed one changed nothing.
  struct Counters {
    std::uint64_t transactions = 0, failed = 0;
    std::uint64_t mended = 0;  ///< Times that somebody else had changed the table.
  };
  const Counters& counters() const { return counters_; }
  /// Gets what a change ended, a moment after it took effect.
  std::function<void(ForwardCut)> on_cut;
  void end();  ///< For a deliberate end of the program: nothing that depends on a tag passes any more.

 private:
  FirewallControl(Context& context, std::unique_ptr<firewall::Firewall> firewall);
  firewall::AddressEntry entry(const AddressState& state) const;
  struct Waiting {
    std::optional<firewall::AddressEntry> entry;  // none: it is nobody's any more
    firewall::Gone why;
  };
  static void put(firewall::FirewallModel& model, const IpAddress& ip, const Waiting& waiting);
  void put_some();
  void transact(MonoTime begun);
  void bring_into_force();
  firewall::Gone why_gone(const IpAddress& ip) const;
  void tell(const firewall::Forgotten& forgotten) const;
  void renew_for(Seconds time);
  void look();
  void looked(MonoTime begun, bool whole);

  static constexpr std::chrono::milliseconds kLookEvery{100};
  static constexpr std::chrono::milliseconds kLongestRest{100};

  Context& context_;
  std::unique_ptr<firewall::Firewall> firewall_;
  std::set<std::string> default_routes_;
  std::map<IpAddress, Waiting> waiting_;  // what the model isn't told yet
  std::size_t at_once_ = kAtOnce;
  bool all_put_ = true;  // the change that was begun last has all that waited then
  bool dirty_ = false;
  Counters counters_;
  Status applied_, renewed_;  // the last time
  bool ready_ = false;  // applied once: before that there is nothing to renew
  std::optional<MonoTime> lease_waits_;  // since it was asked for last; for the end of a large change, or until the kernel takes one
  MonoTime rest_until_{};
  bool resting_ = false;
  net::Handle later_, going_on_, look_;
  MonoTime look_again_{}, look_whole_again_{};
  bool looking_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace postern::gateway
