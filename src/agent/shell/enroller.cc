#include "agent/shell/enroller.h"

#include <fmt/format.h>

#include <utility>

#include "agent/shell/ems_target.h"

namespace postern::agent {
namespace {

constexpr const char* kEnrolProtocol = "postern-enrol/1";
constexpr std::size_t kMaxAnswer = 256u << 10;

}  // namespace

void Enroller::start(proto::Invitation invitation, posture::FactMap facts, std::string agent_version, Done done) {
  if (busy()) {
    loop_.post([done = std::move(done)] {
      done(fail(ErrorCode::kConflict, "an enrolment is under way; try again when it has ended"));
    });
    return;
  }
  done_ = std::move(done);
  invitation_ = std::move(invitation);
  facts_ = std::move(facts);
  agent_version_ = std::move(agent_version);
  kept_.reset();
  // The key is durable before anybody hears of it: should this be interrupted, the EMS recognises it.
  auto key = state_.enrolment_key();
  if (!key) return finish(fail(key.error()));
  key_ = std::move(*key);
  tried_ = 0;
  failures_.clear();
  attempt();
}

void Enroller::attempt() {
  const auto failed = [this](const Error& error) {
    failures_ += (failures_.empty() ? "" : "; ") + error.message;
    failure_ = error.code;
    attempt();
  };
  if (tried_ == invitation_.addresses.size()) {
    return finish(fail(failure_, fmt::format("the EMS can't be reached: {}", failures_)));
  }
  auto to = ems_target(invitation_.addresses[tried_++], invitation_.root_key_sha256, kEnrolProtocol, clock_);
  if (!to) return failed(to.error());
  net::HttpRequest request;
  request.method = "POST";
  request.path = "/enrol";
  request.headers.add("Content-Type", "application/x-protobuf");
  request.body = enrol_request(invitation_.code, key_->key, facts_, agent_version_);
  request_ = net::http_request(
      loop_, to->target, std::move(request),
      [this, failed, explain = *to](Result<net::HttpResponse> reply) {
        if (!reply && *explain.refused) return finish(fail(explain.explain(reply.error())));
        if (!reply) return failed(reply.error());
        answered(reply);
      },
      kMaxAnswer);
}

void Enroller::answered(const Result<net::HttpResponse>& reply) {
  if (reply->status != 200) {
    return finish(fail(ErrorCode::kUnavailable, fmt::format("the EMS answered with HTTP status {}", reply->status)));
  }
  auto enrolment = enrol_response(as_bytes(reply->body), key_->key, invitation_.addresses, invitation_.root_key_sha256);
  if (!enrolment) return refused(enrolment.error());
  if (auto ok = state_.store(*enrolment); !ok) {
    return finish(
        fail(ok.error().code, fmt::format("enrolled, but it can't be stored; enrol again: {}", ok.error().message)));
  }
  finish(std::move(enrolment));
}

void Enroller::refused(Error error) {
  // The key of an earlier attempt may be what the EMS does not want (its endpoint was removed there): once with a new
  // one.
  if (error.code == ErrorCode::kPermissionDenied && key_->reused && !kept_) {
    const auto fresh = pki::PrivateKey::generate();
    if (auto ok = state_.store_key(fresh); !ok) return finish(fail(ok.error()));
    kept_ = key_->key;
    key_ = StateDir::EnrolmentKey{fresh, false};
    tried_ = 0;
    return attempt();
  }
  // It was not the key: an enrolment with the earlier one may still be waiting to be repeated.
  if (kept_) {
    if (auto ok = state_.store_key(*kept_); !ok)
      error.message += fmt::format(" (and the earlier key can't be kept: {})", ok.error().message);
  }
  finish(fail(std::move(error)));
}

void Enroller::finish(Result<Enrolment> result) {
  loop_.post([this, result = std::move(result)]() mutable {
    request_.cancel();
    const auto done = std::exchange(done_, nullptr);
    invitation_ = {};
    done(std::move(result));
  });
}

}  // namespace postern::agent
