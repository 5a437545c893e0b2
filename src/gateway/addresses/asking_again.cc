#include "gateway/addresses/asking_again.h"

#include <algorithm>

namespace postern::gateway {

std::vector<NeighbourKey> AskingAgain::due(MonoTime now, const Resolver& resolver) {
  std::vector<NeighbourKey> out;
  for (const auto& key : resolver.unanswered()) {
    const auto* answer = resolver.neighbour(key);
    if (answer == nullptr) continue;
    auto& wait = waits_[key];
    if (wait.pause == Seconds(0) || wait.answer != *answer) {
      wait = {*answer, kFirst, now + kFirst};
    } else if (now >= wait.next && out.size() < kAtOnce) {
      out.push_back(key);
      wait.pause = std::min(wait.pause * 2, kLongest);
      wait.next = now + wait.pause;
    }
  }
  // What is being asked about is not unanswered, and its pause goes on; what was answered or is claimed no more falls due
  // and isn't asked about.
  std::erase_if(waits_, [&](const auto& item) { return now > item.second.next + kLongest; });
  return out;
}

}  // namespace postern::gateway
