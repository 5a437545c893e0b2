#pragma once
// What a feed is, told by what stands in it and never by its name.
#include <cstddef>
#include <cstdint>
#include <optional>
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
std::optional<FeedKind> parse_feed_kind(std::string_view name);

/// By the beginning of the unpacked text. What is none of the others is taken to be OSV, whose reader says what it
/// misses. Errors: kDataLoss (the packing is damaged).
Result<FeedKind> tell_feed_kind(std::string_view bytes);

/// How much of a file may_be_feed() looks at.
inline constexpr std::size_t kFeedBeginning = 64u << 10;
/// Quickly refuses what can be no feed, however long it is: `beginning` are its first kFeedBeginning bytes, or all it
/// has. Errors: kInvalidArgument, kDataLoss (the packing is damaged).
Status may_be_feed(std::string_view beginning);

}  // namespace postern::vuln
