#pragma once
// A finding that an administrator lives with for a time. While that lasts it is shown and not counted.
#include <string>

#include "base/clock.h"

namespace postern::ems {

struct Risk {
  std::string id = {};               ///< "RSK-" + 8 characters.
  std::string cve = {};
  std::string source = {};           ///< Source package; empty: in any.
  /// Installed version, of the package or of its source; empty: any. Another version, newer or older, counts again.
  std::string version = {};
  std::string endpoint = {};         ///< UID; empty: on all endpoints.
  std::string reason = {};
  std::string accepted_by = {};
  WallTime accepted_at{};
  WallTime expires_at{};             ///< It counts again from then on.
  bool expired = false;              ///< That moment was seen, and everything it held for was judged again.
  friend bool operator==(const Risk&, const Risk&) = default;
};

}  // namespace postern::ems
