#include "vuln/osv.h"

#include <fmt/format.h>

#include <iterator>

#include "vuln/feed_bytes.h"

namespace postern::vuln {
namespace {

constexpr std::size_t kExamples = 5;

}  // namespace

FeedReader::FeedReader(FeedOptions options) : options_(options) {}

Result<FeedReport> FeedReader::add(std::string_view name, std::string_view bytes) {
  FeedReport report;
  std::vector<AdvisorySet::Entry> entries;
  const auto& limits = options_.limits;
  const auto status =
      for_each_record(bytes, limits, [&](std::string_view where, std::string_view text) -> Status {
        if (report.records + report.invalid == limits.records) {
          return fail(ErrorCode::kResourceExhausted,
                      fmt::format("it holds more than {} records", limits.records));
        }
        if (auto s = parse_osv_record(text, limits, entries, report); !s) {
          const auto error = s.error().context(where);
          if (!options_.skip_invalid || error.code != ErrorCode::kInvalidArgument)
            return fail(error);
          ++report.invalid;
          if (report.invalid_examples.size() < kExamples)
            report.invalid_examples.push_back(error.message);
        }
        if (entries_.size() + entries.size() > limits.rows) {
          return fail(ErrorCode::kResourceExhausted,
                      fmt::format("the feeds hold more than {} advisories", limits.rows));
        }
        return {};
      });
  const auto context = fmt::format("feed {}", name);
  if (!status) return fail(status.error().context(context));
  // A file that became empty on its way must not read as "nothing is vulnerable".
  if (report.records == 0) {
    Error error{ErrorCode::kInvalidArgument,
                "it holds no OSV record; a feed is one JSON record a line, gzipped or not, or a zip "
                "of .json files"};
    if (!report.invalid_examples.empty())
      error.message += fmt::format(" ({})", report.invalid_examples.front());
    return fail(error.context(context));
  }
  entries_.insert(entries_.end(), std::make_move_iterator(entries.begin()),
                  std::make_move_iterator(entries.end()));
  return report;
}

AdvisorySet FeedReader::finish() && { return AdvisorySet::build(std::move(entries_)); }

}  // namespace postern::vuln
