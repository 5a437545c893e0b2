#pragma once
// Administrators that are signed in. Only hashes of the secrets are kept; a restart signs everybody out.
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"
#include "base/random.h"
#include "base/sha256.h"

namespace postern::gateway::api {

/// The names that clients of such gateways look for.
inline constexpr std::string_view kSessionCookie = "APSCOOKIE_postern";
inline constexpr std::string_view kCsrfCookie = "ccsrftoken";
inline constexpr std::chrono::hours kSessionLife{12};

/// Thread: one.
class Sessions {
 public:
  static constexpr std::size_t kMaxSessions = 1000;
  struct Session {
    std::string user;
    /// Of the password that was shown: with another password in force the session ends.
    std::string password_hash;
    MonoTime opened{}, used{};
  };

  /// A new secret (256 bits, base64url). When kMaxSessions are open the one unused longest ends.
  std::string open(std::string user, std::string password_hash, MonoTime now, Random& random);
  /// How long a session may stand idle, from now on; until then half an hour.
  void set_idle(std::chrono::minutes idle) { idle_ = idle; }
  std::chrono::minutes idle() const { return idle_; }
  /// The session, whose idle time begins anew; nullptr for anything else.
  const Session* find(std::string_view secret, MonoTime now);
  void close(std::string_view secret);
  std::size_t size() const { return sessions_.size(); }

  /// What a request that changes something must show beside the cookie: follows from the secret, so that only those who
  /// have it know it.
  static std::string csrf_token(std::string_view secret);

 private:
  bool expired(const Session& session, MonoTime now) const;
  std::unordered_map<Sha256, Session> sessions_;
  std::chrono::minutes idle_{30};
};

}  // namespace postern::gateway::api
