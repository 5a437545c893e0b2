// GatewayCore: the data plane's way back. Certificates that have no slot yet, and sessions that hold those that have.
#include <algorithm>
#include <utility>

#include "gateway/core/gateway_core.h"

namespace postern::gateway {

namespace fabric = proto::fabric;

void GatewayCore::on_unknown_certificate(Now now, const Sha256& leaf) {
  if (slots_.contains(leaf)) {
    actions_.push_back(act::Answer{leaf, CertificateVerdict::kFound});
    return;
  }
  if (pending_.contains(leaf)) return;  // one question per certificate; the answer is for all who wait
  if (const auto it = negatives_.find(leaf); it != negatives_.end() && now.mono < it->second) {
    actions_.push_back(act::Answer{leaf, CertificateVerdict::kUnknown});
    return;
  }
  if (asks_this_second_ >= asking_.per_second) {
    actions_.push_back(act::Answer{leaf, CertificateVerdict::kUnavailable});
    return;
  }
  ++asks_this_second_;
  Pending pending;
  pending.deadline = now.mono + Seconds(2);
  for (auto& [id, c] : connectors_) {
    if (const auto request = c.client->ask_certificate(leaf)) pending.requests[id] = request;
  }
  if (pending.requests.empty()) {
    actions_.push_back(act::Answer{leaf, CertificateVerdict::kUnavailable});
    return;
  }
  pending_.emplace(leaf, std::move(pending));
  for (auto& [id, c] : connectors_) drain(now, c);
}

void GatewayCore::refresh(Now now, ConnectorId id) {
  const auto it = connectors_.find(id);
  if (it == connectors_.end()) return;
  it->second.client->refresh(now);
  drain(now, it->second);
}

std::uint64_t GatewayCore::inquire(Now now, ConnectorId id, const Sha256& leaf) {
  const auto it = connectors_.find(id);
  if (it == connectors_.end()) return 0;
  const auto question = it->second.client->inquire_certificate(leaf);
  if (question != 0) inquiries_[{id, question}] = std::nullopt;
  drain(now, it->second);
  return question;
}

std::optional<fabric::Answer> GatewayCore::take_answer(ConnectorId id, std::uint64_t question) {
  const auto it = inquiries_.find({id, question});
  if (it == inquiries_.end() || !it->second) return std::nullopt;
  auto answer = std::move(it->second);
  inquiries_.erase(it);
  return answer;
}

void GatewayCore::give_up(ConnectorId id, std::uint64_t question) { inquiries_.erase({id, question}); }

void GatewayCore::on_answer(Now now, ConnectorId id, const fabric::Answer& answer) {
  if (const auto asked = inquiries_.find({id, answer.request_id}); asked != inquiries_.end()) {
    asked->second = answer;
    return;
  }
  const auto it = std::find_if(pending_.begin(), pending_.end(), [&](const auto& item) {
    const auto request = item.second.requests.find(id);
    return request != item.second.requests.end() && request->second == answer.request_id;
  });
  if (it == pending_.end()) return;  // too late: nobody waits any more
  const Sha256 leaf = it->first;
  it->second.requests.erase(id);
  // Found, or revoked with a record that says so.
  const bool known = answer.state == fabric::Answer::State::kFound || answer.state == fabric::Answer::State::kRevoked;
  if (known && waits_for(id)) {
    settle({id, answer.uid});  // its record came before the answer
    follow_resolver();
  }
  if (known && slots_.contains(leaf)) {
    uses_[leaf].last = now.mono;
    finish_ask(now, leaf, CertificateVerdict::kFound);
    return;
  }
  it->second.revoked |= answer.state == fabric::Answer::State::kRevoked;
  if (answer.state == fabric::Answer::State::kBusy) {
    finish_ask(now, leaf, CertificateVerdict::kUnavailable);
  } else if (it->second.requests.empty()) {
    finish_ask(now, leaf, it->second.revoked ? CertificateVerdict::kRevoked : CertificateVerdict::kUnknown);
  }
}

void GatewayCore::finish_ask(Now now, const Sha256& leaf, CertificateVerdict verdict) {
  pending_.erase(leaf);
  if (verdict == CertificateVerdict::kUnknown || verdict == CertificateVerdict::kRevoked) {
    if (negatives_.size() > 10'000) negatives_.clear();
    negatives_[leaf] = now.mono + asking_.negative_cache;
  }
  actions_.push_back(act::Answer{leaf, verdict});
}

void GatewayCore::on_session(Now now, const Sha256& leaf, SessionPlace place, int change) {
  auto& use = uses_[leaf];
  const auto before = use.sessions;
  use.sessions = std::max<std::int64_t>(0, use.sessions + change);
  use.last = now.mono;
  live_sessions_ += static_cast<std::uint64_t>(use.sessions - before);
  auto& places = sessions_[leaf];
  auto& there = places[place];
  there += change;
  if (there <= 0) places.erase(place);
  if (places.empty()) sessions_.erase(leaf);
}

void GatewayCore::answer_what_if(Now now, ConnectorId id, std::uint64_t request,
                                 const std::vector<proto::fabric::SessionsCut>& cuts) {
  const auto it = connectors_.find(id);
  if (it == connectors_.end() || !it->second.client) return;
  it->second.client->answer_what_if(request, cuts);
  drain(now, it->second);
}

void GatewayCore::set_decisions(Now now, const Decisions& decisions) {
  if (!decisions_) counted_since_ = now.wall;
  decisions_ = decisions;
}

}  // namespace postern::gateway
