#include "gateway/ztna/server_counts.h"

namespace postern::gateway {

void ServerCounts::use(std::set<std::uint32_t> numbers) {
  std::erase_if(servers_, [&](const auto& server) { return !numbers.contains(server.first); });
  for (const auto number : numbers) servers_.try_emplace(number);
}

void ServerCounts::take(std::uint64_t worker, const ecshm::ServerTally& tally) {
  const auto it = servers_.find(tally.number);
  if (it != servers_.end()) it->second.workers[worker] = tally;
}

void ServerCounts::gone(std::uint64_t worker) {
  for (auto& [number, server] : servers_) {
    const auto it = server.workers.find(worker);
    if (it == server.workers.end()) continue;
    server.ended.requests += it->second.requests;
    server.ended.failures += it->second.failures;
    server.workers.erase(it);
  }
}

ServerCounts::Counts ServerCounts::of(std::uint32_t number) const {
  const auto it = servers_.find(number);
  if (it == servers_.end()) return {};
  auto out = it->second.ended;
  for (const auto& [worker, tally] : it->second.workers) {
    out.requests += tally.requests;
    out.failures += tally.failures;
    out.in_use += tally.in_use;
  }
  return out;
}

}  // namespace postern::gateway
