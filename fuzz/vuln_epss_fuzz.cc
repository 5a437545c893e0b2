// FIRST's table of probabilities, plain or gzipped.
#include "vuln_feed.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern::vuln;
  read_feed(data, size, [](const FeedReport& report, const AdvisorySet& set) {
    return report.kind != FeedKind::kEpss || (report.marks == report.records && set.size() == 0);
  });
  return 0;
}
