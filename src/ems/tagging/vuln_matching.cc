#include "ems/tagging/vuln_matching.h"

#include <set>

#include "base/file.h"
#include "base/log.h"
#include "ems/tagging/open_findings.h"
#include "vuln/matcher.h"
#include "vuln/osv.h"

namespace postern::ems {
namespace {

constexpr std::size_t kMaxFeedFile = 1u << 30;

class VulnMatching final : public Matching {
 public:
  explicit VulnMatching(std::shared_ptr<const vuln::AdvisorySet> advisories)
      : advisories_(advisories), matcher_(std::move(advisories)) {}

  Result<MatchResult> match(std::string_view text, std::string_view kernel_release) const override {
    auto inventory = vuln::parse_inventory(text);
    if (!inventory) return fail(inventory.error());
    const auto found = matcher_.match(*inventory, {std::string(kernel_release)});
    MatchResult out;
    out.covered = found.covered;
    out.counts = {found.counts.critical, found.counts.high,    found.counts.medium,         found.counts.low,
                  found.counts.info,     found.counts.unknown, found.counts.unknown_fixable};
    out.kernel = vuln::kernel_note(found.kernel, found.kernel_package);
    out.findings.reserve(found.findings.size());
    out.findings_omitted = found.findings_omitted;
    for (const auto& f : found.findings) {
      const auto* note = advisories_->note(f.cve);
      out.findings.push_back({f.cve, f.source, f.package, f.version, f.fixed,
                              std::string(vuln::severity_name(f.severity)), f.judgement.kev, f.source_version,
                              f.judgement, std::shared_ptr<const vuln::CveNote>(note ? advisories_ : nullptr, note)});
    }
    summarise(out);
    return out;
  }

 private:
  std::shared_ptr<const vuln::AdvisorySet> advisories_;
  mutable vuln::Matcher matcher_;  // remembers what it compared
};

}  // namespace

LoadedFeeds load_matching(const std::vector<std::filesystem::path>& files, WallTime now,
                          std::shared_ptr<const Matching> in_force) {
  LoadedFeeds out;
  vuln::FeedOptions options;
  options.skip_invalid = true;
  vuln::FeedReader reader(options);
  std::size_t read = 0, wanted = 0;
  std::set<std::string> names;
  for (const auto& file : files) {
    std::error_code ignored;
    const auto whole = std::filesystem::absolute(file, ignored).lexically_normal().string();
    Feed feed;
    feed.name = ignored ? file.string() : whole;
    if (!names.insert(feed.name).second) continue;
    ++wanted;
    feed.kind = "osv";
    feed.loaded_at = now;
    auto bytes = read_file(file, kMaxFeedFile);
    if (!bytes) {
      feed.error = bytes.error().message;
    } else if (const auto report = reader.add(feed.name, *bytes); !report) {
      feed.error = report.error().message;
    } else {
      feed.records = report->records;
      ++read;
      if (report->invalid > 0) {
        log_warning("feed.records_left_out", "a vulnerability feed holds records that cannot be understood",
                    {{"feed", feed.name},
                     {"records", std::to_string(report->invalid)},
                     {"first", report->invalid_examples.front()}});
      }
    }
    if (!feed.error.empty() && in_force) feed.error += "; the feeds read before stay in use";
    out.feeds.push_back(std::move(feed));
  }
  if (read < wanted && in_force) {
    out.matching = std::move(in_force);
  } else if (read > 0) {
    out.matching =
        std::make_shared<VulnMatching>(std::make_shared<const vuln::AdvisorySet>(std::move(reader).finish()));
  }
  return out;
}

}  // namespace postern::ems
