#include "gateway/ztna/session_clearing.h"

#include <algorithm>
#include <utility>

namespace postern::gateway {

void SessionClearing::start(std::vector<ecshm::ClearOrder> orders, Send send, Done done) {
  const auto number = next_round_++;
  auto& round = rounds_[number];
  round.orders = std::move(orders);
  round.send = std::move(send);
  round.done = std::move(done);
  send_some(number, round);
}

void SessionClearing::send_some(std::uint64_t number, Round& round) {
  for (const auto end = std::min(round.orders.size(), round.sent + kAtOnce); round.sent < end; ++round.sent) {
    auto& order = round.orders[round.sent];
    order.ticket = next_ticket_++;
    for (const auto worker : round.send(order)) {
      if (!round.silent.contains(worker)) round.waiting.emplace(worker, order.ticket);
    }
  }
  const auto patience = round.waiting.empty() ? std::chrono::milliseconds(0) : patience_;
  round.timer = loop_.after(patience, [this, number] { advance(number); });
}

void SessionClearing::answered(std::uint64_t worker, std::uint32_t ticket, std::uint32_t ended) {
  for (auto& [number, round] : rounds_) {
    if (round.waiting.erase({worker, ticket}) == 0) continue;
    round.ended += ended;
    if (round.waiting.empty()) advance(number);
    return;
  }
}

void SessionClearing::gone(std::uint64_t worker) {
  std::vector<std::uint64_t> over;
  for (auto& [number, round] : rounds_) {
    const auto erased = std::erase_if(round.waiting, [&](const auto& one) { return one.first == worker; });
    if (erased > 0 && round.waiting.empty()) over.push_back(number);
  }
  for (const auto number : over) advance(number);
}

void SessionClearing::advance(std::uint64_t number) {
  const auto it = rounds_.find(number);
  if (it == rounds_.end()) return;
  for (const auto& [worker, ticket] : std::exchange(it->second.waiting, {})) it->second.silent.insert(worker);
  if (it->second.sent < it->second.orders.size()) return send_some(number, it->second);
  const auto round = std::move(it->second);
  rounds_.erase(it);
  if (round.done) round.done({round.ended, round.silent.size()});
}

}  // namespace postern::gateway
