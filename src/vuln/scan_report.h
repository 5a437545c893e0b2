#pragma once
// Findings for people and scripts, and the offline scan of a root file system (`postern-ems vuln
// scan`).
#include <filesystem>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "vuln/matcher.h"
#include "vuln/osv.h"

namespace postern::vuln {

/// A JSON array, one finding a line: "cve", "source", "package", "version" (installed, of the
/// package), "fixed" (of the source; null: none), "severity". Stable: scripts read it.
std::string findings_json(const std::vector<Finding>& findings);

inline constexpr std::size_t kTableWidth = 120;  ///< Columns, where no terminal says otherwise.

/// Aligned columns, most severe first, one line for a vulnerability in a source with as many of its
/// packages as fit into `width` columns; then the counts.
std::string findings_table(const MatchResult& result, std::size_t width = kTableWidth);

struct ScanResult {
  Distro distro;
  std::size_t packages = 0;
  MatchResult match;
  std::vector<FeedReport> feeds;  ///< In the order of the files given.
};

/// Reads the feeds whole into one set. Errors: those of read_file and FeedReader::add, naming the
/// file.
Result<AdvisorySet> load_feeds(const std::vector<std::filesystem::path>& files,
                               const FeedOptions& options,
                               std::vector<FeedReport>* reports = nullptr);

/// Matches a root file system. Its kernel is the running one for "/", and none for any other root.
/// Errors: as above, kNotFound when the feeds say nothing about its distribution, kUnsupported when
/// it is one that cannot be judged.
Result<ScanResult> scan_root(const std::filesystem::path& root,
                             const std::vector<std::filesystem::path>& feeds,
                             const FeedOptions& options = {});

/// `postern-ems vuln scan` after its command line was read: findings on `out` in `format` ("table"
/// or "json"), remarks and errors on `err`. Exit status: 0 scanned, whatever was found; 1 could not
/// be done; 2 wrong format.
int vuln_scan_main(const std::filesystem::path& root,
                   const std::vector<std::filesystem::path>& feeds, std::string_view format,
                   std::ostream& out, std::ostream& err);

}  // namespace postern::vuln
