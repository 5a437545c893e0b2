// One OSV record, and then an advisory set made of what it says.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "vuln/osv.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern::vuln;
  FeedLimits limits;
  limits.record_bytes = 1u << 20;
  limits.rows_per_record = 1000;
  std::vector<AdvisorySet::Entry> entries;
  FeedReport report;
  const auto status = parse_osv_record({reinterpret_cast<const char*>(data), size}, limits, entries, report);
  if (!status && (!entries.empty() || report.records != 0)) std::abort();
  if (entries.size() > limits.rows_per_record) std::abort();
  const auto set = AdvisorySet::build(entries);
  if (set.size() > entries.size()) std::abort();
  for (const auto& e : entries) {
    const auto& of_source = set.of(e.ecosystem, e.source);
    if (of_source.empty()) std::abort();
    for (const auto& advisory : of_source) {
      std::string_view fixed;
      for (const auto& i : advisory.affected->intervals) {  // A fixed version is free of its own interval.
        if (!i.introduced.empty() && !affects(*advisory.affected, i.introduced, fixed)) std::abort();
      }
    }
  }
  return 0;
}
