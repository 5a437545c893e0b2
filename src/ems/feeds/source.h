#pragma once
// Where a feed comes from.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace postern::ems {

/// 1..64 of A-Z a-z 0-9 . - _, not beginning with a dot.
bool valid_feed_name(std::string_view name);

struct FeedUrl {
  bool tls = true;
  std::string host;        ///< Name or IP address, without brackets.
  std::uint16_t port = 443;
  std::string target;      ///< Path and query as they travel.
  std::string str() const;
  friend bool operator==(const FeedUrl&, const FeedUrl&) = default;
};

/// "https://host[:port]/path[?query]"; http only to this machine (localhost, 127.0.0.0/8, [::1]). Credentials and
/// fragments are refused. Error: kInvalidArgument.
Result<FeedUrl> parse_feed_url(std::string_view text);

/// Where `from` sends on to: a whole URL, or a path on the same server. From https never to http. Error:
/// kInvalidArgument.
Result<FeedUrl> follow_feed_url(const FeedUrl& from, std::string_view location);

}  // namespace postern::ems
