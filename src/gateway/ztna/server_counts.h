#pragma once
// How many requests each real server got, of all of nginx's workers together. Pure. Thread: one.
#include <cstdint>
#include <map>
#include <set>

#include "ecshm/server_tally.h"

namespace postern::gateway {

class ServerCounts {
 public:
  struct Counts {
    std::uint64_t requests = 0;  ///< Since the gateway began to count; attempts, as in ecshm::ServerTally.
    std::uint64_t failures = 0;
    std::uint64_t in_use = 0;
    friend bool operator==(const Counts&, const Counts&) = default;
  };

  /// These are configured from now on: others are forgotten, and what a worker tells of them isn't kept.
  void use(std::set<std::uint32_t> numbers);
  /// What a worker says of itself since it began. One that says less than before is believed: it never counts twice.
  void take(std::uint64_t worker, const ecshm::ServerTally& tally);
  /// Its requests have ended with it; what it counted stays.
  void gone(std::uint64_t worker);
  Counts of(std::uint32_t number) const;

 private:
  struct Server {
    Counts ended;  // of workers that are gone
    std::map<std::uint64_t, ecshm::ServerTally> workers;
  };
  std::map<std::uint32_t, Server> servers_;
};

}  // namespace postern::gateway
