#include "gateway/health/server_judge.h"

namespace postern::gateway::health {

const char* protocol_name(Protocol protocol) {
  switch (protocol) {
    case Protocol::kPing: return "ping";
    case Protocol::kHttp: return "http";
    case Protocol::kTcpConnect: return "tcp-connect";
    case Protocol::kNone: break;
  }
  return "none";
}

const char* condition_name(ServerJudge::Condition condition) {
  switch (condition) {
    case ServerJudge::Condition::kUp: return "up";
    case ServerJudge::Condition::kDown: return "down";
    case ServerJudge::Condition::kHeldDown: return "held down";
    case ServerJudge::Condition::kUnknown: break;
  }
  return "unknown";
}

ServerJudge::ServerJudge(ecshm::ServerState said, Now now) : since_(now.wall) {
  if (said == ecshm::ServerState::kUp) condition_ = Condition::kUp;
  if (said == ecshm::ServerState::kDown) condition_ = Condition::kDown;
}

ecshm::ServerState ServerJudge::state() const {
  switch (condition_) {
    case Condition::kUp: return ecshm::ServerState::kUp;
    case Condition::kDown:
    case Condition::kHeldDown: return ecshm::ServerState::kDown;
    case Condition::kUnknown: break;
  }
  return ecshm::ServerState::kUnknown;
}

bool ServerJudge::become(Condition condition, Now now) {
  if (condition == condition_) return false;
  condition_ = condition;
  since_ = now.wall;
  return true;
}

bool ServerJudge::take(const Finding& finding, const Rules& rules, Now now) {
  why_ = finding.why;
  switch (finding.outcome) {
    case Finding::Outcome::kCannotTell:
      failed_ = 0;
      return become(Condition::kUnknown, now);
    case Finding::Outcome::kIll:
      ++failed_;
      if (condition_ == Condition::kHeldDown || failed_ >= rules.failures) return become(Condition::kDown, now);
      return false;
    case Finding::Outcome::kWell:
      break;
  }
  failed_ = 0;
  if (condition_ == Condition::kDown) well_since_ = now.mono;
  const bool held = (condition_ == Condition::kDown || condition_ == Condition::kHeldDown) &&
                    now.mono - well_since_ < rules.holddown;
  return become(held ? Condition::kHeldDown : Condition::kUp, now);
}

}  // namespace postern::gateway::health
