#pragma once
// A feed's download on its way into a file.
#include <unistd.h>

#include <cstdint>
#include <string>

#include "ems/shell/feed_service.h"

namespace postern::ems {

struct FeedService::Fetch {
  FeedUrl url;
  int redirects = 0;
  MonoTime since{};                 ///< When the present address was asked.
  int fd = -1;
  std::uint64_t bytes = 0;          ///< That have come.
  std::string beginning;            ///< Of them, until it is known that this may be a feed.
  bool looked_at = false;           ///< It may be one.
  std::string etag, last_modified;  ///< Of what came.
  bool conditional = false;         ///< The server may answer that nothing is new.
  net::Handle handle;

  Fetch() = default;
  Fetch(const Fetch&) = delete;
  Fetch& operator=(const Fetch&) = delete;
  /// An error ends the download: what no feed begins with isn't kept until the limit.
  Status came(std::string_view piece);
  ~Fetch() {
    if (fd >= 0) ::close(fd);
  }
};

}  // namespace postern::ems
