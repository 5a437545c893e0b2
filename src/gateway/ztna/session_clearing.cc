#include "gateway/ztna/session_clearing.h"

#include <utility>

namespace postern::gateway {

void SessionClearing::start(std::vector<ecshm::ClearOrder> orders, const Send& send, Done done) {
  const auto number = next_round_++;
  auto& round = rounds_[number];
  round.done = std::move(done);
  for (auto& order : orders) {
    order.ticket = next_ticket_++;
    for (const auto worker : send(order)) round.waiting.emplace(worker, order.ticket);
  }
  const auto patience = round.waiting.empty() ? std::chrono::seconds(0) : kPatience;
  round.timer = loop_.after(patience, [this, number] { settle(number); });
}

void SessionClearing::answered(std::uint64_t worker, std::uint32_t ticket, std::uint32_t ended) {
  for (auto& [number, round] : rounds_) {
    if (round.waiting.erase({worker, ticket}) == 0) continue;
    round.so_far.ended += ended;
    if (round.waiting.empty()) settle(number);
    return;
  }
}

void SessionClearing::gone(std::uint64_t worker) {
  std::vector<std::uint64_t> over;
  for (auto& [number, round] : rounds_) {
    const auto erased = std::erase_if(round.waiting, [&](const auto& one) { return one.first == worker; });
    if (erased > 0 && round.waiting.empty()) over.push_back(number);
  }
  for (const auto number : over) settle(number);
}

void SessionClearing::settle(std::uint64_t number) {
  const auto it = rounds_.find(number);
  if (it == rounds_.end()) return;
  auto round = std::move(it->second);
  rounds_.erase(it);
  std::set<std::uint64_t> silent;
  for (const auto& [worker, ticket] : round.waiting) silent.insert(worker);
  round.so_far.silent = silent.size();
  if (round.done) round.done(round.so_far);
}

}  // namespace postern::gateway
