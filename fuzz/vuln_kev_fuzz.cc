// CISA's catalogue of known exploited vulnerabilities.
#include "vuln_feed.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern::vuln;
  read_feed(data, size, [](const FeedReport& report, const AdvisorySet& set) {
    return report.kind != FeedKind::kKev || (report.marks <= report.records && set.size() == 0);
  });
  return 0;
}
