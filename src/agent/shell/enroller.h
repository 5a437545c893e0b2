#pragma once
// One enrolment: from an invitation to a certificate that is safe on the disk.
#include <functional>
#include <optional>
#include <string>

#include "agent/core/enrolment.h"
#include "agent/shell/state_dir.h"
#include "net/client.h"
#include "net/loop.h"
#include "proto/invitation.h"

namespace postern::agent {

/// Thread: loop.
class Enroller {
 public:
  using Done = std::function<void(Result<Enrolment>)>;

  /// `state` and `clock` outlive it.
  Enroller(net::Loop& loop, const StateDir& state, const Clock& clock) : loop_(loop), state_(state), clock_(clock) {}

  bool busy() const { return done_ != nullptr; }
  /// `done` is called once, not inside this call. The code goes to no server but the invitation's. On success the
  /// enrolment is durable; after an error (or a crash) the same invitation can be tried again.
  /// Errors: kConflict (one is under way), the EMS's refusal, no address that answers, another root key, a full disk.
  void start(proto::Invitation invitation, posture::FactMap facts, std::string agent_version, Done done);

 private:
  void attempt();
  void finish(Result<Enrolment> result);
  void answered(const Result<net::HttpResponse>& reply);
  void refused(Error error);

  net::Loop& loop_;
  const StateDir& state_;
  const Clock& clock_;
  proto::Invitation invitation_;
  posture::FactMap facts_;
  std::string agent_version_;
  std::optional<StateDir::EnrolmentKey> key_;
  std::optional<pki::PrivateKey> kept_;  // of an earlier enrolment, while a new key is tried
  std::size_t tried_ = 0;
  std::string failures_;
  ErrorCode failure_ = ErrorCode::kUnavailable;
  net::Handle request_;
  Done done_;
};

}  // namespace postern::agent
