#pragma once
// What distributions say about vulnerabilities, in the form that matching needs: by (ecosystem,
// source package).
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/sha256.h"
#include "base/versions/order.h"
#include "vuln/severity.h"

namespace postern::vuln {

/// Affected versions: from `introduced` (empty: from the first on), up to but without `fixed`, or
/// up to and with `last_affected`. At most one of the two ends is set; neither: everything from
/// `introduced` on.
struct AffectedInterval {
  std::string introduced;
  std::string fixed;
  std::string last_affected;
  friend auto operator<=>(const AffectedInterval&, const AffectedInterval&) = default;
};

struct AffectedVersions {
  std::vector<AffectedInterval> intervals;
  std::vector<std::string> versions;  ///< Affected versions outside the intervals.
  versions::Order order = versions::Order::kDpkg;  ///< Of the ecosystem.
  friend auto operator<=>(const AffectedVersions&, const AffectedVersions&) = default;
};

/// Whether `version` is affected, by the ecosystem's order; then `fixed` becomes the fixed version of the
/// interval it lies in, if that has one, else empty.
bool affects(const AffectedVersions& affected, std::string_view version, std::string_view& fixed);

/// One vulnerability in one source package, from one record.
struct Advisory {
  std::string cve;  ///< "CVE-2024-3094"; the record's own id where it names no CVE.
  /// Never null. Shared by the vulnerabilities of one record.
  std::shared_ptr<const AffectedVersions> affected;
  Judgement judgement;  ///< AdvisorySet puts together what all records of the vulnerability say.
  EffectiveSeverity effective;  ///< Of `judgement`. Set by AdvisorySet.
};

/// What is said of a vulnerability itself, whatever it stands in.
struct CveNote {
  std::optional<std::uint8_t> cvss_tenths;  ///< The highest score in a record about this vulnerability alone,
  std::string cvss_vector;                  ///< and its vector; empty: only the score was given.
  bool kev = false;  ///< In CISA's catalogue; the rest of its row:
  std::string kev_added, kev_due;  ///< "2025-08-25"; empty where it isn't said.
  bool kev_ransomware = false;     ///< Known to be used by extortionists.
  std::optional<std::uint16_t> epss, epss_percentile;  ///< Per 10,000.
  friend bool operator==(const CveNote&, const CveNote&) = default;
};
using CveNotes = std::unordered_map<std::string, CveNote>;

/// All that is said about one source package of one ecosystem.
struct SourceAdvisories {
  std::vector<Advisory> advisories;  ///< Sorted by cve; records about one vulnerability stand side by side.
  /// A record about it that could not be understood, and of whose vulnerability nothing else says anything here; empty:
  /// none. What is open in the source is not known then.
  std::string unread;
  /// SHA-256 over everything that matching reads: with equal digests the same is open, as severe, mended by the same.
  Sha256 digest{};
  /// SHA-256 over what AdvisorySet::note says of these vulnerabilities: EPSS, of which each day has another, and the like.
  Sha256 notes_digest{};
};

struct SourceName {
  std::string ecosystem;
  std::string source;
  friend auto operator<=>(const SourceName&, const SourceName&) = default;
};

/// Advisories by ecosystem ("Debian:12") and source package. Immutable once built. Thread: any
/// reader.
class AdvisorySet {
 public:
  /// One affected entry of a record, before building.
  struct Entry {
    std::string ecosystem;
    std::string source;
    Advisory advisory;
    bool sole =
        true;  ///< The record names one vulnerability only, so its CVSS and KEV are about that one.
    std::shared_ptr<const std::string> cvss_vector;  ///< Of its score; null: only the score was given.
    /// The distribution's own tracker says this: where it speaks of a vulnerability in a source, other records' versions
    /// are left out. An advisory without affected versions then says that the source is not affected.
    bool tracker = false;
    /// Id of the record, where all that is known of it is that it is about this vulnerability in this source. Else empty.
    std::string unread = {};
  };

  AdvisorySet();
  /// Sorts, drops exact duplicates, and works out `effective`: CVSS and KEV of a vulnerability
  /// count wherever it occurs, the vendor's judgement for its own ecosystem and source.
  /// Of `notes`, those about vulnerabilities in the set are kept.
  static AdvisorySet build(std::vector<Entry> entries, CveNotes notes = {});

  /// Sorted by cve; records about one vulnerability stand side by side. Empty when there are none.
  /// The span lives as long as the set.
  const std::vector<Advisory>& of(std::string_view ecosystem, std::string_view source) const;
  /// Null when nothing is said. A holder may keep it longer than the set: memories of matching do, from feed to feed.
  std::shared_ptr<const SourceAdvisories> source(std::string_view ecosystem, std::string_view source) const;
  /// Whether anything at all is said about this ecosystem. If not, "no findings" means "not
  /// judged".
  bool covers(std::string_view ecosystem) const;
  bool any_unread() const { return any_unread_; }  ///< Some source has SourceAdvisories::unread.
  std::vector<std::string> ecosystems() const;
  std::size_t size() const { return size_; }  ///< Advisories held.
  /// The sources of which the two say something else: new ones, those gone, and those with another digest. Sorted.
  static std::vector<SourceName> changed_sources(const AdvisorySet& before, const AdvisorySet& after);
  const CveNote* note(const std::string& cve) const;  ///< Null: neither scored nor in a catalogue.

  /// SHA-256 over the content in canonical order, notes included: the same for the same advisories whatever file
  /// format, order or number of files they came in.
  const Sha256& digest() const { return digest_; }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view s) const { return std::hash<std::string_view>()(s); }
  };
  using BySource = std::unordered_map<std::string, std::shared_ptr<SourceAdvisories>, Hash, std::equal_to<>>;

  std::map<std::string, BySource, std::less<>> by_ecosystem_;
  CveNotes notes_;
  std::size_t size_ = 0;
  bool any_unread_ = false;
  Sha256 digest_{};
};

}  // namespace postern::vuln
