#pragma once
// What must hold of every feed document, whatever its kind. `holds(report, set)` is what the kind promises beyond that.
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "vuln/osv.h"

namespace postern::vuln {

template <class Holds>
void read_feed(const std::uint8_t* data, std::size_t size, Holds&& holds) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  FeedOptions options;
  options.limits.record_bytes = 4096;
  options.limits.total_bytes = 1u << 20;
  options.limits.records = 1000;
  options.limits.rows = 1000;
  for (const bool skip_invalid : {false, true}) {
    options.skip_invalid = skip_invalid;
    FeedReader reader(options);
    const auto report = reader.add("fuzz", bytes);
    if (!report && report.error().message.empty()) std::abort();
    if (report && (report->records == 0 || report->records > options.limits.records)) std::abort();
    if (report && !skip_invalid && report->invalid != 0) std::abort();
    // What reads as a feed is not refused by its beginning.
    if (report && !skip_invalid && size <= kFeedBeginning && !may_be_feed(bytes)) std::abort();
    const auto set = std::move(reader).finish();
    if (set.size() > options.limits.rows || (!report && set.size() != 0)) std::abort();
    if (report && !holds(*report, set)) std::abort();
  }
}

}  // namespace postern::vuln
