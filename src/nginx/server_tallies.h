#pragma once
// What this worker has to tell of each real server that it turned to. Thread: the worker's.
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "ecshm/channel.h"
#include "ecshm/server_tally.h"

namespace postern::nginx {

class ServerTallies {
 public:
  /// Told at once; more than these wait for the next time, so that a socket's room is enough.
  static constexpr std::size_t kEach = 64;

  /// Stays where it is as long as this.
  ecshm::ServerTally& of(std::uint32_t number);
  /// Tells what has changed, as much of it as there is room for.
  void tell(ecshm::Link& link);
  /// Another gateway listens, which knows nothing.
  void forget_told();

 private:
  struct Entry {
    ecshm::ServerTally now, told;
  };
  std::unordered_map<std::uint32_t, Entry> entries_;
  std::vector<Entry*> order_;
  std::size_t next_ = 0;  // in turn, so that none waits for ever
};

}  // namespace postern::nginx
