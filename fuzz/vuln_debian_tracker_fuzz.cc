// Debian's security tracker as one document: a feed as whoever runs the EMS gives it.
#include "vuln_feed.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern::vuln;
  read_feed(data, size, [](const FeedReport& report, const AdvisorySet& set) {
    return report.kind != FeedKind::kDebianTracker || set.size() <= report.advisories;
  });
  return 0;
}
