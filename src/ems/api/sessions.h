#pragma once
// Who is signed in by cookie. Only hashes of the secrets are kept; a restart signs everybody out.
#include <optional>
#include <string>
#include <unordered_map>

#include "base/clock.h"
#include "base/random.h"
#include "base/sha256.h"
#include "ems/api/principal.h"

namespace postern::ems::api {

inline constexpr std::string_view kSessionCookie = "__Host-postern-ems";
inline constexpr Seconds kSessionIdle{30 * 60};
inline constexpr Seconds kSessionLife{12 * 60 * 60};
inline constexpr std::size_t kMaxSessions = 10'000;
inline constexpr std::size_t kMaxSessionsOfUser = 100;

/// Thread: one.
class Sessions {
 public:
  /// A new secret (256 bit, base64url) for the cookie. A user past kMaxSessionsOfUser loses the session unused longest;
  /// empty when kMaxSessions others are alive.
  std::string open(const std::string& user, MonoTime now, Random& random);
  /// The user of a live session, whose idle time begins anew; nullopt for anything else.
  std::optional<std::string> find(std::string_view secret, MonoTime now);
  void close(std::string_view secret);
  /// All of a user's but the one of `except`: the password changed or the account is gone.
  void close_all(const std::string& user, std::string_view except = {});

  /// What a request that changes something must show beside the cookie. Follows from the secret, so that only those who
  /// have the cookie or were told it know it.
  static std::string csrf_token(std::string_view secret);
  /// Set-Cookie values.
  static std::string cookie(std::string_view secret);
  static std::string expired_cookie();

 private:
  struct Session {
    std::string user;
    MonoTime opened;
    MonoTime used;
  };
  void drop_expired(MonoTime now);
  std::unordered_map<Sha256, Session> sessions_;
};

}  // namespace postern::ems::api
