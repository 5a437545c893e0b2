#pragma once
// When the network is asked again about a claim that it did not confirm: nobody answered, or somebody else did. Who was
// asleep or behind a full switch answers later, and who answered for somebody else goes away without a word. Pure;
// thread: one.
#include <map>
#include <vector>

#include "base/clock.h"
#include "gateway/addresses/resolver.h"

namespace postern::gateway {

class AskingAgain {
 public:
  /// After an answer of another kind than before, and after the same one again and again.
  static constexpr Seconds kFirst{5}, kLongest{60};
  /// At one call: many that did not answer at once are not asked at once.
  static constexpr std::size_t kAtOnce = 256;

  /// What to ask about now. To be called about once per second.
  std::vector<NeighbourKey> due(MonoTime now, const Resolver& resolver);

 private:
  struct Wait {
    Neighbour answer;  // the last one
    Seconds pause{};
    MonoTime next{};
  };
  std::map<NeighbourKey, Wait> waits_;
};

}  // namespace postern::gateway
