#pragma once
// What the matchings that follow one another share: what was compared, and of which inventories newer feeds say
// something else.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/sha256.h"
#include "vuln/advisory.h"
#include "vuln/fleet.h"
#include "vuln/inventory.h"
#include "vuln/matcher.h"

namespace postern::ems {

/// Thread: one at a time.
class MatchingMemory {
 public:
  /// Counts the times that other advisories came into use.
  using Generation = std::uint64_t;

  /// Of inventories more than `bytes` takes are not known: then it begins anew with those that are asked for from now
  /// on.
  explicit MatchingMemory(std::shared_ptr<const vuln::AdvisorySet> advisories, std::size_t bytes = 256u << 20);

  /// From now on matches against these. The generation in which that is so.
  Generation use(const std::shared_ptr<const vuln::AdvisorySet>& advisories);
  vuln::MatchResult match(const Sha256& hash, const vuln::Inventory& inventory, const vuln::RunningKernel& kernel);
  /// Nothing for an inventory that is not known, because it was never matched or is forgotten.
  std::optional<vuln::FleetResult> result(const Sha256& hash, const vuln::RunningKernel& kernel) {
    return fleet_->result(hash, kernel);
  }
  std::optional<std::vector<std::string>> open_among(const std::vector<std::string>& cves, const Sha256& hash,
                                                     const vuln::RunningKernel& kernel) {
    return fleet_->open_among(cves, hash, kernel);
  }
  /// Whether what was found in this inventory in that generation is what is found now. False for one that is not known.
  bool same_since(Generation generation, const Sha256& hash) const;
  void forget(const Sha256& hash);

 private:
  std::shared_ptr<const vuln::AdvisorySet> advisories_;
  vuln::Matcher matcher_;
  vuln::FleetLimits limits_;
  std::unique_ptr<vuln::Fleet> fleet_;
  Generation generation_ = 1;
  std::unordered_map<Sha256, Generation> touched_;  ///< Of those held: since when what is said of them stands.
};

}  // namespace postern::ems
