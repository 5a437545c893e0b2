#pragma once
// What is open in one version of one source package, and how vulnerabilities are counted: each once, at its highest.
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "vuln/advisory.h"
#include "vuln/severity.h"

namespace postern::vuln {

/// What one vulnerability is counted as, when it stands in several packages with different severities: the highest. An
/// unknown severity with a fix goes before medium: it may be high, and whoever asks for high must not be told "none".
enum class Standing : std::uint8_t {
  kNone,
  kUnknownWithoutFix,
  kInfo,
  kLow,
  kMedium,
  kUnknownWithFix,
  kHigh,
  kCritical
};
Standing standing_of(Severity severity, bool has_fix);

/// Small numbers for vulnerabilities, from 0 on, as they are met. Thread: one at a time.
class CveNumbers {
 public:
  std::uint32_t of(const std::string& cve) {
    return numbers_.emplace(cve, static_cast<std::uint32_t>(numbers_.size())).first->second;
  }
  std::optional<std::uint32_t> known(const std::string& cve) const {
    const auto at = numbers_.find(cve);
    return at == numbers_.end() ? std::nullopt : std::optional(at->second);
  }
  const std::unordered_map<std::string, std::uint32_t>& all() const { return numbers_; }
  std::size_t size() const { return numbers_.size(); }
  void clear() { numbers_.clear(); }
  /// Feeds have moved on: most numbers are of vulnerabilities that `advisories` no longer names.
  bool stale(const AdvisorySet& advisories) const { return numbers_.size() > 2 * advisories.size() + 4096; }

 private:
  std::unordered_map<std::string, std::uint32_t> numbers_;
};

/// One vulnerability open in one version of one source.
struct Hit {
  std::uint32_t number = 0;
  Standing standing = Standing::kNone;
  const Advisory* advisory = nullptr;  ///< The first record that says so; as long as its SourceAdvisories.
  std::string_view fixed;              ///< Lives as long; empty: no fix published.
};

/// By vulnerability, in order. Several records about one are one: free of it is what satisfies all that name a fix.
std::vector<Hit> hits_in(const SourceAdvisories& source, std::string_view version, CveNumbers& numbers);

/// Distinct vulnerabilities while they are counted. Keeps its memory for the next count.
class Tally {
 public:
  struct Result {
    Counts counts;
    std::uint32_t exploited = 0;  ///< Of those counted, the known to be exploited.
    friend bool operator==(const Result&, const Result&) = default;
  };

  void add(std::uint32_t number, Standing standing, bool exploited) {
    if (number >= met_as_.size()) met_as_.resize(static_cast<std::size_t>(number) + 1);
    auto& held = met_as_[number];
    if (held.standing == Standing::kNone) met_.push_back(number);
    if (held.standing < standing) held.standing = standing;
    held.exploited = held.exploited || exploited;
  }
  Result finish();  ///< And begins anew.

 private:
  struct MetAs {
    Standing standing = Standing::kNone;
    bool exploited = false;
  };
  std::vector<MetAs> met_as_;  // by number; all kNone between counts
  std::vector<std::uint32_t> met_;
};

/// A finding that somebody answers for: it is not counted. Asked once for each (source, version) and vulnerability, not
/// for each endpoint. Empty: none is.
using Accepted = std::function<bool(std::string_view cve, std::string_view source, std::string_view source_version)>;

}  // namespace postern::vuln
