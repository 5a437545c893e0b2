#pragma once
// How many of this machine's users may talk to the agent at once: everybody may ask for the status, so nobody may take
// all the room, and whoever administrates the machine always has some.
#include <sys/types.h>

#include <cstddef>
#include <map>
#include <set>

#include "base/result.h"

namespace postern::agent {

/// Thread: one.
class ClientLimits {
 public:
  struct Options {
    std::size_t per_user = 8;
    std::size_t all_users = 64;       ///< Of all that are not exempt together: one person may have many user ids.
    std::set<uid_t> exempt{0};        ///< Not limited, and counted among no others.
  };
  explicit ClientLimits(Options options) : options_(std::move(options)) {}

  /// One more connection of `user`. Error: kResourceExhausted, and nothing is counted.
  Status admit(uid_t user);
  /// One that was admitted has ended.
  void release(uid_t user);

 private:
  Options options_;
  std::map<uid_t, std::size_t> users_;   // of those not exempt
  std::size_t all_ = 0;
};

}  // namespace postern::agent
