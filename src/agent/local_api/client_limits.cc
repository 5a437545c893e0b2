#include "agent/local_api/client_limits.h"

#include <fmt/format.h>

namespace postern::agent {

Status ClientLimits::admit(uid_t user) {
  if (options_.exempt.contains(user)) return {};
  const auto it = users_.find(user);
  const auto theirs = it == users_.end() ? 0 : it->second;
  if (theirs >= options_.per_user) {
    return fail(
        ErrorCode::kResourceExhausted,
        fmt::format("this user (uid {}) has {} connections to the agent already; end some of them", user, theirs));
  }
  if (all_ >= options_.all_users) {
    return fail(
        ErrorCode::kResourceExhausted,
        fmt::format("users of this machine have {} connections to the agent already; try again later, or as root",
                    all_));
  }
  ++users_[user];
  ++all_;
  return {};
}

void ClientLimits::release(uid_t user) {
  const auto it = users_.find(user);
  if (it == users_.end()) return;
  --all_;
  if (--it->second == 0) users_.erase(it);
}

}  // namespace postern::agent
