#pragma once
// The data plane's side of ec-shm: lock-free lookups, changes since the last look, policies.
// Whatever can't be read is "not known" or "not fresh", so that it is denied.
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "ecshm/mapping.h"
#include "ecshm/slot.h"
#include "policy/decide.h"
#include "policy/view.h"

namespace postern::ecshm {

/// Thread: one at a time; as many readers as one likes.
class Reader {
 public:
  static constexpr std::uint32_t kNoSlot = 0xffffffff;

  /// Doesn't touch the directory yet; it may not be there yet either.
  explicit Reader(std::string dir) : dir_(std::move(dir)) {}

  struct Found {
    policy::EndpointState state;
    std::uint32_t slot = kNoSlot;
    std::uint32_t connector = 0;
    bool readable = true;  ///< False: there is a slot, but it could not be read whole; `state` says
                           ///< not known, not fresh.
  };
  /// `now` decides whether what was found is still fresh.
  Found find(const Sha256& leaf, MonoTime now) const;
  /// Does the lease run?
  bool lease_valid(MonoTime now) const;
  /// Bit 0: the lease; bits 1..7: that connector. A bit that goes means sessions have to be judged
  /// again.
  std::uint32_t freshness(MonoTime now) const;
  /// When the next of those bits goes unless the writer renews it.
  std::optional<MonoTime> next_expiry(MonoTime now) const;
  /// Is anything mapped, and from which generation?
  std::uint64_t generation() const { return map_ ? map_.header()->generation : 0; }

  /// Goes over to a new generation or new policies if there are any. Cheap when there are none.
  /// `look_at_directory` also compares the file under the name, which finds a generation whose
  /// predecessor could not be retired. Returns true if anything is different: every session has to
  /// be judged again, slots have other numbers.
  bool refresh(bool look_at_directory);

  /// Calls `each(slot)` for every changed slot since the last call. Returns true if everything has
  /// to be looked at instead (overrun, or said so by the writer).
  template <class Each>
  bool take_changes(Each&& each);

  const policy::PolicyView& policies() const { return policies_; }
  /// Why there is no table, or no policies; empty when all is well. For the log.
  const std::string& problem() const { return problem_; }

 private:
  Status map_table();
  Status map_policies(std::uint64_t version);
  bool table_replaced() const;
  const ecshm_slot* slots() const;

  std::string dir_;
  Mapping map_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  std::uint64_t seen_ = 0;
  std::uint64_t policy_version_ = 0;  // of what is mapped
  Mapping policy_map_;
  policy::PolicyView policies_;
  std::string problem_;
};

template <class Each>
bool Reader::take_changes(Each&& each) {
  if (!map_) return false;
  const auto* header = map_.header();
  const auto* ring = reinterpret_cast<const std::uint32_t*>(map_.data() + header->ring_offset);
  const auto head = load(header->change_head, std::memory_order_acquire);
  bool all = head - seen_ >= header->ring_mask;
  for (auto i = seen_; !all && i != head; ++i) {
    const auto slot = load(ring[i & header->ring_mask]);
    std::atomic_thread_fence(std::memory_order_acquire);
    all = slot == ECSHM_CHANGE_ALL || load(header->change_head) - i >= header->ring_mask;
    if (!all) each(slot);
  }
  seen_ = head;
  return all;
}

}  // namespace postern::ecshm
