#include "ems/api/sessions.h"

#include <fmt/format.h>

#include <array>

namespace postern::ems::api {

std::string Sessions::open(const std::string& user, MonoTime now, Random& random) {
  drop_expired(now);
  std::size_t of_user = 0;
  auto oldest = sessions_.end();
  for (auto it = sessions_.begin(); it != sessions_.end(); ++it) {
    if (it->second.user != user) continue;
    ++of_user;
    if (oldest == sessions_.end() || it->second.used < oldest->second.used) oldest = it;
  }
  if (of_user >= kMaxSessionsOfUser) sessions_.erase(oldest);
  if (sessions_.size() >= kMaxSessions) return {};
  std::array<std::uint8_t, 32> bytes{};
  random.fill(bytes);
  std::string secret = to_base64url(bytes);
  sessions_[sha256(secret)] = {user, now, now};
  return secret;
}

std::optional<std::string> Sessions::find(std::string_view secret, MonoTime now) {
  auto it = sessions_.find(sha256(secret));
  if (it == sessions_.end()) return std::nullopt;
  if (now - it->second.used > kSessionIdle || now - it->second.opened > kSessionLife) {
    sessions_.erase(it);
    return std::nullopt;
  }
  it->second.used = now;
  return it->second.user;
}

void Sessions::close(std::string_view secret) { sessions_.erase(sha256(secret)); }

void Sessions::close_all(const std::string& user, std::string_view except) {
  const Sha256 kept = sha256(except);
  std::erase_if(sessions_, [&](const auto& entry) { return entry.second.user == user && entry.first != kept; });
}

void Sessions::drop_expired(MonoTime now) {
  std::erase_if(sessions_, [&](const auto& entry) {
    return now - entry.second.used > kSessionIdle || now - entry.second.opened > kSessionLife;
  });
}

std::string Sessions::csrf_token(std::string_view secret) {
  return to_base64url(sha256(fmt::format("postern-ems csrf token of {}", secret)));
}

std::string Sessions::cookie(std::string_view secret) {
  return fmt::format("{}={}; Path=/; Secure; HttpOnly; SameSite=Strict", kSessionCookie, secret);
}

std::string Sessions::expired_cookie() {
  return fmt::format("{}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0", kSessionCookie);
}

}  // namespace postern::ems::api
