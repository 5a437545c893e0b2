// FIRST's table of probabilities, plain or gzipped.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "vuln/osv.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern::vuln;
  FeedOptions options;
  options.limits.record_bytes = 4096;
  options.limits.total_bytes = 1u << 20;
  options.limits.records = 1000;
  options.limits.rows = 1000;
  for (const bool skip_invalid : {false, true}) {
    options.skip_invalid = skip_invalid;
    FeedReader reader(options);
    const auto report = reader.add("fuzz", {reinterpret_cast<const char*>(data), size});
    if (!report && report.error().message.empty()) std::abort();
    if (report && (report->records == 0 || report->records > options.limits.records)) std::abort();
    if (report && !skip_invalid && report->invalid != 0) std::abort();
    const auto set = std::move(reader).finish();
    if (set.size() > options.limits.rows || (!report && set.size() != 0)) std::abort();
    if (report && report->kind == FeedKind::kEpss && (report->marks != report->records || set.size() != 0)) std::abort();
  }
  return 0;
}
