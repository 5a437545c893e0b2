#include "ems/tagging/matching_memory.h"

namespace postern::ems {

MatchingMemory::MatchingMemory(std::shared_ptr<const vuln::AdvisorySet> advisories, std::size_t bytes)
    : advisories_(std::move(advisories)),
      matcher_(advisories_),
      limits_{.bytes = bytes, .hits = bytes / 64},
      fleet_(std::make_unique<vuln::Fleet>(advisories_, limits_)) {}

MatchingMemory::Generation MatchingMemory::use(const std::shared_ptr<const vuln::AdvisorySet>& advisories) {
  if (advisories_ == advisories) return generation_;
  advisories_ = advisories;
  matcher_.update(advisories);
  ++generation_;
  for (const auto& hash : fleet_->update(advisories).touched) touched_[hash] = generation_;
  return generation_;
}

vuln::MatchResult MatchingMemory::match(const Sha256& hash, const vuln::Inventory& inventory,
                                        const vuln::RunningKernel& kernel) {
  if (!fleet_->holds(hash)) {
    bool held = fleet_->add(hash, inventory).has_value();
    if (!held && fleet_->inventories() > 0) {
      fleet_ = std::make_unique<vuln::Fleet>(advisories_, limits_);
      touched_.clear();
      held = fleet_->add(hash, inventory).has_value();
    }
    if (held) touched_[hash] = generation_;
  }
  return matcher_.match(inventory, kernel);
}

bool MatchingMemory::same_since(Generation generation, const Sha256& hash) const {
  const auto at = touched_.find(hash);
  return at != touched_.end() && at->second <= generation;
}

void MatchingMemory::forget(const Sha256& hash) {
  if (touched_.erase(hash) > 0) fleet_->release(hash);
}

}  // namespace postern::ems
