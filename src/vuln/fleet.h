#pragma once
// What is open in a whole fleet, and what a feed update changes in it.
//
// Endpoints of one image have one inventory, named by its hash: it is held once, as numbers of (ecosystem, source,
// version). What is open in each of those is worked out once for all that hold it, and an inventory's counts are a
// union over distinct vulnerabilities. An update works out anew only what holds a source about which the advisories
// changed; the outcome is what working out everything anew would give.
//
//   Fleet fleet(advisories);
//   fleet.add(hash, inventory);                       // its first endpoint
//   fleet.result(hash, {"6.1.0-40-amd64"})->counts    // of any of its endpoints
//   for (auto& hash : fleet.update(newer).counted)    // tag the endpoints of these again
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/sha256.h"
#include "vuln/advisory.h"
#include "vuln/hits.h"
#include "vuln/inventory.h"
#include "vuln/matcher.h"

namespace postern::vuln {

/// Endpoints name the packages: what they can make the server hold has an end.
struct FleetLimits {
  std::size_t bytes = 1u << 30;   ///< Of inventories and their versions, roughly. An inventory that is over is refused.
  std::size_t hits = 10'000'000;  ///< Remembered, eight bytes each. What is over is worked out again when it is needed.
};

/// Matcher::match's answer without findings: Matcher gives them from the inventory itself when somebody wants to read
/// them.
struct FleetResult {
  bool covered = false;  ///< If false nothing was judged, as in MatchResult.
  Counts counts;
  std::string unjudged = {};                    ///< As in MatchResult.
  std::uint32_t exploited = 0;                  ///< Distinct vulnerabilities that are known to be exploited.
  std::optional<std::uint8_t> max_cvss_tenths;  ///< Nothing: none that is open has a score,
  std::optional<std::uint16_t> max_epss;        ///< or a probability, per 10,000.
  KernelJudged kernel = KernelJudged::kNoneRunning;
  std::string kernel_package;
  friend bool operator==(const FleetResult&, const FleetResult&) = default;
};

/// Hashes of inventories, sorted.
struct FleetChanges {
  /// Hold a source of which something else is said, or of its vulnerabilities (EPSS, a vector): findings shown of them
  /// may read otherwise.
  std::vector<Sha256> touched;
  std::vector<Sha256> counted;  ///< Of those, the ones for which result() says something else than it said before.
};

/// Thread: one at a time.
class Fleet {
 public:
  explicit Fleet(std::shared_ptr<const AdvisorySet> advisories, FleetLimits limits = {});
  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;
  ~Fleet();

  /// Holds an inventory once more; one held already is not looked at. Errors: kResourceExhausted (the limit; nothing
  /// was added).
  Status add(const Sha256& hash, const Inventory& inventory);
  /// Holds one that is held already once more. False if it isn't: give it to add().
  bool retain(const Sha256& hash);
  bool holds(const Sha256& hash) const;
  /// Holds it once less, and forgets it with the last. Unknown hashes are ignored.
  void release(const Sha256& hash);

  /// For endpoints of this inventory that run this kernel: the kernel counts only if it is the running one, whatever
  /// else is installed. Nothing if the inventory isn't held.
  std::optional<FleetResult> result(const Sha256& hash, const RunningKernel& kernel);

  /// Those of `cves` that count there. Nothing if the inventory isn't held.
  std::optional<std::vector<std::string>> open_among(const std::vector<std::string>& cves, const Sha256& hash,
                                                     const RunningKernel& kernel);

  FleetChanges update(std::shared_ptr<const AdvisorySet> advisories);
  /// From now on what `accepted` says yes to is not counted; that replaces what was given before. Asked again for
  /// everything at each call: one whose time has passed needs another call.
  FleetChanges accept(Accepted accepted);

  const AdvisorySet& advisories() const;
  std::size_t inventories() const;      ///< Distinct.
  std::size_t source_versions() const;  ///< Distinct.
  std::size_t bytes() const;            ///< As FleetLimits counts them,
  std::size_t hits() const;             ///< and these.

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace postern::vuln
