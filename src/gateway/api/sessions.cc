#include "gateway/api/sessions.h"

#include <algorithm>
#include <array>

#include "base/hex.h"

namespace postern::gateway::api {

bool Sessions::expired(const Session& session, MonoTime now) const {
  return now - session.used > idle_ || now - session.opened > kSessionLife;
}

std::string Sessions::open(std::string user, std::string password_hash, MonoTime now, Random& random) {
  std::erase_if(sessions_, [&](const auto& entry) { return expired(entry.second, now); });
  if (sessions_.size() >= kMaxSessions) {
    sessions_.erase(std::min_element(sessions_.begin(), sessions_.end(),
                                     [](const auto& a, const auto& b) { return a.second.used < b.second.used; }));
  }
  std::array<std::uint8_t, 32> bytes{};
  random.fill(bytes);
  std::string secret = to_base64url(bytes);
  sessions_[sha256(secret)] = {std::move(user), std::move(password_hash), now, now};
  return secret;
}

const Sessions::Session* Sessions::find(std::string_view secret, MonoTime now) {
  const auto it = sessions_.find(sha256(secret));
  if (it == sessions_.end()) return nullptr;
  if (expired(it->second, now)) {
    sessions_.erase(it);
    return nullptr;
  }
  it->second.used = now;
  return &it->second;
}

void Sessions::close(std::string_view secret) { sessions_.erase(sha256(secret)); }

std::string Sessions::csrf_token(std::string_view secret) {
  return to_base64url(sha256("postern-gateway csrf token of " + std::string(secret)));
}

}  // namespace postern::gateway::api
