#include "ems/tagging/vuln_matching.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "base/log.h"
#include "ems/feeds/copy.h"
#include "ems/feeds/mapped_file.h"
#include "ems/feeds/store.h"
#include "ems/tagging/matching_memory.h"
#include "ems/tagging/open_findings.h"
#include "vuln/osv.h"

namespace postern::ems {
namespace {

posture::VulnerabilityCounts as_counts(const vuln::Counts& c) {
  return {c.critical, c.high, c.medium, c.low, c.info, c.unknown, c.unknown_fixable};
}

class VulnMatching final : public Matching {
 public:
  VulnMatching(std::shared_ptr<const vuln::AdvisorySet> advisories, const Matching* before)
      : advisories_(std::move(advisories)) {
    if (const auto* known = dynamic_cast<const VulnMatching*>(before)) memory_ = known->memory_;
    if (!memory_) memory_ = std::make_shared<MatchingMemory>(advisories_);
  }

  Result<MatchResult> match(std::string_view text, std::string_view kernel_release) const override {
    auto inventory = vuln::parse_inventory(text);
    if (!inventory) return fail(inventory.error());
    in_use_ = memory_->use(advisories_);
    const auto found = memory_->match(vuln::inventory_hash(text), *inventory, {std::string(kernel_release)});
    MatchResult out;
    out.covered = found.covered;
    out.counts = as_counts(found.counts);
    out.unjudged = found.unjudged;
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

  std::optional<MatchSummary> summary(const Sha256& inventory, std::string_view kernel_release) const override {
    in_use_ = memory_->use(advisories_);
    const auto found = memory_->result(inventory, {std::string(kernel_release)});
    if (!found) return std::nullopt;
    const auto& c = found->counts;
    MatchSummary out;
    out.covered = found->covered;
    out.counts = as_counts(c);
    out.unjudged = found->unjudged;
    out.total = c.critical + c.high + c.medium + c.low + c.info + c.unknown;
    out.kev = found->exploited;
    out.max_cvss_tenths = found->max_cvss_tenths;
    out.max_epss = found->max_epss;
    out.kernel = vuln::kernel_note(found->kernel, found->kernel_package);
    return out;
  }

  std::optional<std::vector<std::string>> open_among(const std::vector<std::string>& cves, const Sha256& inventory,
                                                     std::string_view kernel_release) const override {
    in_use_ = memory_->use(advisories_);
    return memory_->open_among(cves, inventory, {std::string(kernel_release)});
  }

  bool says_the_same(const Matching& before, const Sha256& inventory) const override {
    const auto* known = dynamic_cast<const VulnMatching*>(&before);
    if (known == nullptr || known->memory_ != memory_ || !known->in_use_) return false;
    in_use_ = memory_->use(advisories_);
    return memory_->same_since(*known->in_use_, inventory);
  }

  void forget(const Sha256& inventory) const override { memory_->forget(inventory); }

 private:
  std::shared_ptr<const vuln::AdvisorySet> advisories_;
  /// Shared with those before this one and those to come: a new feed changes few sources.
  std::shared_ptr<MatchingMemory> memory_;
  mutable std::optional<MatchingMemory::Generation> in_use_;  // nothing: it was never asked
};

void take_report(Feed& feed, const vuln::FeedReport& report) {
  feed.kind = vuln::feed_kind_name(report.kind);
  feed.records = report.records;
  feed.data_date = report.data_date;
  feed.advisories = report.advisories;
  feed.marks = report.marks;
  feed.not_affected = report.not_affected;
  feed.undetermined = report.undetermined;
  feed.withdrawn = report.withdrawn;
  feed.foreign = report.foreign;
  feed.cvss4 = report.cvss4;
  feed.left_out = report.invalid;
  feed.left_out_example = report.invalid_examples.empty() ? "" : report.invalid_examples.front();
  if (report.invalid == 0) return;
  log_warning("feed.records_left_out", "a vulnerability feed holds records that cannot be understood",
              {{"feed", feed.name}, {"records", std::to_string(report.invalid)}, {"first", feed.left_out_example}});
}

Result<vuln::FeedReport> read_copy(Feed& feed, const std::filesystem::path& file, vuln::FeedReader& reader) {
  const auto copy = MappedFile::open(file, kMaxFeedFile);
  if (!copy) return fail(copy.error());
  auto digest = copy_digest(copy->bytes());
  if (!feed.sha256.empty() && digest != feed.sha256) {
    return fail(ErrorCode::kDataLoss,
                fmt::format("feed {}: the copy in the data directory was changed or cut; fetch it again (POST "
                            "feeds/refresh)",
                            feed.name));
  }
  auto report = reader.add(feed.name, copy->bytes());
  if (!report) return report;
  feed.bytes = copy->bytes().size();
  feed.sha256 = std::move(digest);
  return report;
}

}  // namespace

LoadedFeeds load_matching(const std::vector<FeedFile>& files, WallTime now, std::shared_ptr<const Matching> in_force) {
  LoadedFeeds out;
  vuln::FeedOptions options;
  options.skip_invalid = true;
  vuln::FeedReader reader(options);
  std::size_t read = 0;
  for (const auto& [known, file] : files) {
    Feed feed = known;
    if (const auto report = read_copy(feed, file, reader)) {
      ++read;
      take_report(feed, *report);
      if (feed.loaded_at == WallTime()) feed.loaded_at = now;
    } else {
      out.damaged.insert(feed.name);
      feed.error = report.error().message;
      feed.failed_at = now;
      if (!in_force) feed.loaded_at = {};
      if (in_force) feed.error += "; the feeds read before stay in use";
    }
    out.feeds.push_back(std::move(feed));
  }
  if (read < files.size() && in_force) {
    out.matching = std::move(in_force);
  } else if (read > 0) {
    out.matching =
        std::make_shared<VulnMatching>(std::make_shared<const vuln::AdvisorySet>(std::move(reader).finish()), in_force.get());
  }
  return out;
}

}  // namespace postern::ems
