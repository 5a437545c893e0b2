#include "gateway/metrics/decision_counts.h"

#include <algorithm>

namespace postern::gateway::metrics {

void DecisionCounts::count(const ecshm::EventView& event) {
  const auto reason = std::min<std::size_t>(static_cast<std::size_t>(event.reason), kReasons - 1);
  if (event.type == ecshm::EventType::kAllowed) ++accepted_;
  if (event.type == ecshm::EventType::kDenied) ++denied_[reason];
  if (event.type == ecshm::EventType::kCut) ++cut_[reason];
  bytes_ += event.bytes;
}

void DecisionCounts::count_forward(policy::Reason reason, std::uint64_t connections) {
  forward_cut_[std::min<std::size_t>(static_cast<std::size_t>(reason), kReasons - 1)] += connections;
}

void DecisionCounts::expose(Exposition& out) const {
  out.counter("postern_gateway_decisions_total",
              "What access proxies decided: accept (a request that was let through has ended, and its policy has "
              "logtraffic all), deny, cut (a live request was ended because it would no longer be let through), each by "
              "its reason as in the traffic log.");
  out.sample({{"action", "accept"}, {"reason", "none"}}, accepted_);
  // All reasons from the start: what begins to be counted only when it happens first has no rate then.
  for (unsigned number = 1; number < kReasons; ++number) {
    const auto reason = policy::reason_from_number(number);
    if (!reason) continue;
    const auto name = policy::reason_name(*reason);
    out.sample({{"action", "deny"}, {"reason", name}}, denied_[number]);
    out.sample({{"action", "cut"}, {"reason", name}}, cut_[number]);
  }
  out.counter("postern_gateway_forward_cut_total",
              "Routed connections of endpoints that were ended because firewall policies would no longer let them through, "
              "by the reason as in the traffic log.");
  for (unsigned number = 1; number < kReasons; ++number) {
    const auto reason = policy::reason_from_number(number);
    if (reason) out.sample({{"reason", policy::reason_name(*reason)}}, forward_cut_[number]);
  }
  out.counter("postern_gateway_sent_bytes_total",
              "Bytes sent to clients by the requests that are counted in postern_gateway_decisions_total.");
  out.sample(bytes_);
}

}  // namespace postern::gateway::metrics
