#include "nginx/server_tallies.h"

namespace postern::nginx {

ecshm::ServerTally& ServerTallies::of(std::uint32_t number) {
  const auto [it, fresh] = entries_.try_emplace(number);
  if (fresh) {
    it->second.now.number = number;
    order_.push_back(&it->second);
  }
  return it->second.now;
}

void ServerTallies::tell(ecshm::Link& link) {
  if (!link.connected()) return;
  std::size_t told = 0;
  for (std::size_t looked = 0; looked < order_.size() && told < kEach; ++looked) {
    next_ = next_ < order_.size() ? next_ : 0;
    Entry& entry = *order_[next_];
    if (entry.now != entry.told) {
      if (!link.tally(entry.now)) return;
      entry.told = entry.now;
      ++told;
    }
    ++next_;
  }
}

void ServerTallies::forget_told() {
  for (auto* entry : order_) entry->told = {};
}

}  // namespace postern::nginx
