#pragma once
// From single checks to whether a server takes requests. Pure.
#include <chrono>
#include <string>

#include "base/clock.h"
#include "ecshm/server_health.h"
#include "gateway/health/check.h"

namespace postern::gateway::health {

struct Rules {
  int failures = 2;            ///< So many in a row, and it is down.
  std::chrono::milliseconds holddown{30'000};  ///< So long it has to be well before it is used again; 0: at once.
};

/// One server's.
class ServerJudge {
 public:
  enum class Condition : std::uint8_t {
    kUnknown,   ///< Not checked yet, or it can't be: it takes requests.
    kUp,
    kDown,
    kHeldDown,  ///< Well again, for not long enough yet.
  };

  /// `said`: what workers were told of it last. One that was down stays so until it has shown otherwise.
  ServerJudge(ecshm::ServerState said, Now now);
  /// True: its condition is another one now.
  bool take(const Finding& finding, const Rules& rules, Now now);

  Condition condition() const { return condition_; }
  ecshm::ServerState state() const;
  const std::string& why() const { return why_; }  ///< Of the last check; empty: there was none.
  WallTime since() const { return since_; }

 private:
  bool become(Condition condition, Now now);

  Condition condition_ = Condition::kUnknown;
  int failed_ = 0;  // in a row
  MonoTime well_since_{};
  WallTime since_;
  std::string why_;
};

/// "up", "down", "held down", "unknown".
const char* condition_name(ServerJudge::Condition condition);

}  // namespace postern::gateway::health
