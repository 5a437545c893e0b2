#pragma once
// What a feed is, told by what stands in it and never by its name.
#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace postern::vuln {

enum class FeedKind : std::uint8_t {
  kOsv,            ///< Advisories in the OSV schema.
  kDebianTracker,  ///< Debian's security tracker as one JSON document.
  kKev,            ///< CISA's catalogue of vulnerabilities known to be exploited.
  kEpss,           ///< FIRST's probabilities of exploitation.
};
std::string_view feed_kind_name(FeedKind kind);  ///< "osv", "debian-tracker", "kev", "epss": stable.

/// By the beginning of the unpacked text. What is none of the others is taken to be OSV, whose reader says what it
/// misses. Errors: kDataLoss (the packing is damaged).
Result<FeedKind> tell_feed_kind(std::string_view bytes);

}  // namespace postern::vuln
