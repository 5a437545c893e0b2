#pragma once
// Vulnerability feeds into one AdvisorySet: advisories in the OSV schema (1.x; JSON lines, the same gzipped, or a zip with
// one record per entry as OSV publishes), Debian's security tracker, CISA's KEV and FIRST's EPSS (plain or gzipped).
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "vuln/advisory.h"
#include "vuln/epss.h"
#include "vuln/feed_kind.h"

namespace postern::vuln {

/// Bounds of foreign input; each is an error of its own when passed, never a cut.
struct FeedLimits {
  std::size_t record_bytes = 16u << 20;
  std::uint64_t total_bytes = 4ull << 30;  ///< After decompression.
  std::size_t records = 2'000'000;
  std::size_t rows_per_record = 200'000;  ///< (ecosystem, source, vulnerability).
  std::size_t rows = 5'000'000;
  std::size_t json_depth = 32;
};

struct FeedOptions {
  FeedLimits limits;
  /// Leave out records that cannot be understood, one in a hundred at most, counting and naming them in the report, instead
  /// of refusing the feed. Damage to the file itself (truncated, checksum, limits, what is no JSON) is refused all the
  /// same.
  bool skip_invalid = false;
  /// What the feed was when it was read before: a file that can't be told to be of any kind is spoken of as this.
  std::optional<FeedKind> was = {};
};

struct FeedReport {
  FeedKind kind = FeedKind::kOsv;
  std::string data_date;       ///< Of the data, as the feed says; empty when it doesn't.
  std::size_t records = 0;     ///< Read, of any kind.
  std::size_t withdrawn = 0;   ///< Of those, withdrawn by their publisher: ignored.
  std::size_t advisories = 0;  ///< (ecosystem, source, vulnerability) rows taken.
  std::size_t foreign =
      0;  ///< Affected entries of ecosystems whose version order is not known here: left out.
  std::size_t undetermined = 0;  ///< Rows of which the distribution does not know whether they are affected.
  std::size_t not_affected = 0;  ///< Rows that say a source is not affected: they go before other feeds' advisories.
  std::size_t marks = 0;  ///< Vulnerabilities marked as exploited (KEV) or given a probability (EPSS).
  std::size_t cvss4 = 0;  ///< CVSS v4 vectors, whose scores are not worked out here: no severity is taken from them.
  std::size_t invalid = 0;                    ///< Left out by skip_invalid.
  std::vector<std::string> invalid_examples;  ///< The first few, each "where: why".
};

/// Collects one or more feeds into an AdvisorySet.
///
///   FeedReader reader;
///   if (auto s = reader.add("debian.zip", bytes); !s) return fail(s.error());
///   auto set = std::make_shared<const AdvisorySet>(std::move(reader).finish());
///
/// Thread: one.
class FeedReader {
 public:
  explicit FeedReader(FeedOptions options = {});

  /// Reads one whole feed; what it is is told by what stands in it. On error nothing of this feed is
  /// taken. `name` is what error messages call it. Errors: kInvalidArgument (a broken record, or too many of
  /// them; names line or entry and id), kDataLoss (truncated or damaged file; what is no JSON), kResourceExhausted (a limit),
  /// kUnsupported (encrypted zip).
  Result<FeedReport> add(std::string_view name, std::string_view bytes);

  AdvisorySet finish() &&;

 private:
  struct Taken;
  Status read(std::string_view bytes, Taken& taken, FeedReport& report) const;
  Error nothing_in_it(const FeedReport& report) const;

  FeedOptions options_;
  std::vector<AdvisorySet::Entry> entries_;
  CveNotes exploited_;
  std::vector<EpssEntry> epss_;
};

/// The message of a record that is the beginning of a JSON document.
inline constexpr std::string_view kEndsTooEarly = "not a JSON document: it ends too early";

/// One record, for tests and tools. Appends its rows to `out` only on success. Errors: kInvalidArgument, kDataLoss (it is
/// no JSON document: kEndsTooEarly, or why not), kResourceExhausted.
Status parse_osv_record(std::string_view json, const FeedLimits& limits,
                        std::vector<AdvisorySet::Entry>& out, FeedReport& report);

/// Of a record that parse_osv_record could not understand: the packages and vulnerabilities that it names, as entries that
/// say no more than that (Entry::unread). Empty where it doesn't tell.
std::vector<AdvisorySet::Entry> unread_osv_record(std::string_view json, const FeedLimits& limits);

}  // namespace postern::vuln
