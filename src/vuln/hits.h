#pragma once
// What is open in one version of one source package, and how vulnerabilities are counted: each once, at its highest.
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "vuln/advisory.h"
#include "vuln/severity.h"

namespace postern::vuln {

/// What one vulnerability is counted as, when it stands in several packages with different severities: the highest. An
/// unknown severity with a fix goes before medium: it may be high, and whoever asks for high must not be told "none".
enum class Standing : std::uint8_t { kNone, kUnknownWithoutFix, kInfo, kLow, kMedium, kUnknownWithFix, kHigh, kCritical };
Standing standing_of(Severity severity, bool has_fix);

/// Small numbers for vulnerabilities, from 0 on, as they are met. Thread: one at a time.
class CveNumbers {
 public:
  std::uint32_t of(const std::string& cve) {
    return numbers_.emplace(cve, static_cast<std::uint32_t>(numbers_.size())).first->second;
  }
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
  void add(std::uint32_t number, Standing standing) {
    if (number >= standings_.size()) standings_.resize(static_cast<std::size_t>(number) + 1);
    auto& held = standings_[number];
    if (held == Standing::kNone) met_.push_back(number);
    if (held < standing) held = standing;
  }
  Counts finish();  ///< And begins anew.

 private:
  std::vector<Standing> standings_;  // by number; all kNone between counts
  std::vector<std::uint32_t> met_;
};

/// A finding that somebody answers for: it is not counted. Asked once for each (source, version) and vulnerability, not
/// for each endpoint. Empty: none is.
using Accepted = std::function<bool(std::string_view cve, std::string_view source, std::string_view source_version)>;

}  // namespace postern::vuln
