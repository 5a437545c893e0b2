#pragma once
// The firewall in force: applies a FirewallModel's changes to the kernel of the network namespace in which it was
// opened.
#include <chrono>
#include <functional>
#include <memory>
#include <set>
#include <string>

#include "base/result.h"
#include "gateway/firewall/cut.h"
#include "gateway/firewall/model.h"

namespace postern::gateway::firewall {

/// Thread: one (calls block for the kernel only).
class Firewall {
 public:
  /// Without a table of this name, all forwarded traffic is dropped from now on. A table that is there (left by a
  /// gateway before) goes on until the first `apply`, which replaces it whole; its lease runs out by itself.
  /// Errors: kPermissionDenied (CAP_NET_ADMIN is missing), kUnsupported (no nftables in this kernel).
  static Result<std::unique_ptr<Firewall>> open(std::string table = "postern");
  ~Firewall();  ///< Leaves the table in place: the lease then runs out and closes what depends on tags.

  /// Change the model, then `apply`.
  FirewallModel& model();
  /// So long one call of `apply` may take, about, and as long as it takes to find what changes.
  static constexpr std::chrono::milliseconds kSlice{50};
  /// One netlink transaction: when it returns, the next packet is judged by it. A change of very many elements takes
  /// several (FirewallModel: what is judged in between), and then perhaps several calls: it goes on with the one before while that
  /// is `unfinished`, and leaves what the model was told since for later. When the kernel refuses the change, the whole
  /// table is built anew; the error is that of this second attempt, and the next `apply` tries again.
  /// Errors: kInternal, kResourceExhausted.
  Status apply();
  /// `apply` has more to do for the change that it began. Nothing is cleaned up or inspected meanwhile; the caller doesn't `renew`,
  /// for what endpoints lose meanwhile waits.
  bool unfinished() const;
  void set_slice(std::chrono::nanoseconds slice);
  /// What is left to do after `apply`, and needs not be done before the next packet: to make the kernel forget tracked
  /// connections that are no longer accepted. Takes milliseconds: for Loop::offload. Empty when there is nothing. May
  /// run on any thread and outlive this object; does not touch it. Tells which connections it ended. Those to `own`, the
  /// addresses of this machine, are not forwarded and stay: other tables of the host may judge them by their state.
  std::function<Forgotten()> take_cleanup(std::set<IpAddress> own = {});
  /// Has anybody else changed nftables since? Our table may be as it was: most such changes are of others' tables. Costs
  /// microseconds: for a few times a second. Errors: none; where it can't be told, nothing has changed.
  bool changed_elsewhere();
  /// What then tells whether our table is still ours. Reads all of it (a second for a million elements): for Loop::offload;
  /// may run on any thread and outlive this object; does not touch it. Then `conclude`. Not `whole`: only its chains, rules and sets,
  /// and not what stands in them, which takes milliseconds; kOurs can't be the answer then.
  std::function<void()> take_inspection(bool whole = true);
  enum class Inspected { kOurs, kUnsure, kChanged };
  /// kChanged: the next `apply` builds the table anew. kUnsure: `changed_elsewhere` goes on saying so.
  Inspected conclude();
  /// What depends on a tag passes for `seconds` from now. Call after the first `apply`. When the kernel refuses it, the
  /// table is not what it should be, or gone: the next `apply` builds it anew. Errors: as `apply`.
  Status renew(unsigned seconds);
  /// What depends on a tag passes no more, from now on. For a deliberate end of the program: the table stays, since
  /// without it everything would be forwarded. Errors: as `apply`.
  Status end_lease();

 private:
  struct Impl;
  explicit Firewall(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace postern::gateway::firewall
