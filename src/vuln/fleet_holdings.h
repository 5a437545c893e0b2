#pragma once
// What a fleet holds: each inventory once, as numbers of (ecosystem, source, version), and what was worked out of each
// of these. Only Fleet knows of it.
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/sha256.h"
#include "base/versions/order.h"
#include "vuln/advisory.h"
#include "vuln/hits.h"
#include "vuln/inventory.h"

namespace postern::vuln::fleet_parts {

using Id = std::uint32_t;

/// A hit as it is counted.
struct Mark {
  std::uint32_t number = 0;  // of the vulnerability
  Standing standing = Standing::kNone;
  bool exploited = false;
  std::uint8_t cvss_and_one = 0;  // tenths of the score, plus one; 0: no score
  friend bool operator==(const Mark&, const Mark&) = default;
};
static_assert(sizeof(Mark) == 8);
using Marks = std::vector<Mark>;

/// What was worked out of an inventory.
struct Told {
  Tally::Result tally;
  std::uint8_t cvss_and_one = 0;   // the highest, as in Mark
  std::uint16_t epss_and_one = 0;  // 0: no probability
  std::string unjudged = {};       // as MatchResult has it
  friend bool operator==(const Told&, const Told&) = default;
};

struct Ecosystem {
  std::string name;  // empty: of distributions that cannot be judged
  versions::Order order = versions::Order::kDpkg;
  bool covered = false;
};

struct Source {
  Id ecosystem = 0;
  std::string name;
  std::shared_ptr<const SourceAdvisories> said;  // null: nothing
  std::vector<Id> versions;                      // none: a free place
};

struct Version {
  Id source = 0;
  std::string version;
  std::vector<Id> holders;  // inventories; none: a free place
  bool valid = true;        // it is a version of this distribution
  bool known = false;       // `marks` are what is open
  Marks marks;
};

struct InstalledKernel {
  std::string package;
  std::string release;
  Id version = 0;
  std::optional<Told> told;  // with this one running
};

struct Held {
  Sha256 hash{};
  std::size_t times = 0;  // 0: a free place
  Id ecosystem = 0;
  std::vector<Id> versions;         // what counts whatever runs
  std::vector<Id> odd_versions;     // of these, those that are no versions
  std::vector<Id> kernel_versions;  // of `kernels`, each once
  std::vector<InstalledKernel> kernels;
  std::optional<Told> told;  // without a kernel
  std::size_t bytes = 0;
};

class Holdings {
 public:
  explicit Holdings(std::shared_ptr<const AdvisorySet> said) : advisories(std::move(said)) {}

  /// Null: not held.
  Held* find(const Sha256& hash);
  /// Held from now on, once. REQUIRES: it isn't yet.
  Held& add(const Sha256& hash, const Inventory& inventory);
  /// With all that only it held. REQUIRES: it is held.
  void remove(const Sha256& hash);

  /// What the advisories say of it.
  std::shared_ptr<const SourceAdvisories> said_of(const Source& source) const;
  /// What is open in it is not known any more.
  void forget(Version& version);
  std::size_t size() const { return by_hash_.size(); }
  std::size_t version_count() const { return version_ids_.size(); }

  std::shared_ptr<const AdvisorySet> advisories;
  std::vector<Ecosystem> ecosystems;
  std::deque<Source> sources;  // deques: what they hold stays where it is
  std::deque<Version> versions;
  std::deque<Held> inventories;
  std::size_t bytes = 0;
  std::size_t hits = 0;  // in marks

 private:
  struct VersionKey {
    Id source;
    std::string_view version;
    friend bool operator==(const VersionKey&, const VersionKey&) = default;
  };
  struct HashOfVersionKey {
    std::size_t operator()(const VersionKey& k) const {
      return std::hash<std::string_view>()(k.version) ^ (k.source * 0x9e3779b97f4a7c15ull);
    }
  };

  Id ecosystem_id(const std::string& name);
  Id source_id(Id ecosystem, std::string_view name);
  Id version_id(Id source, std::string_view version);
  void fill(Held& held, Id holder, const Inventory& inventory);
  void let_go(Id version, Id holder);

  std::vector<Id> free_sources_, free_versions_, free_inventories_;
  std::unordered_map<std::string, Id> source_ids_;
  std::unordered_map<VersionKey, Id, HashOfVersionKey> version_ids_;
  std::unordered_map<Sha256, Id> by_hash_;
};

}  // namespace postern::vuln::fleet_parts
