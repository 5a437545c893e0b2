#pragma once
// How often something may be tried, per key, in bounded memory.
#include <cstddef>
#include <list>
#include <string>
#include <unordered_map>

#include "base/clock.h"
#include "base/ip.h"

namespace postern {

/// Token buckets. Thread: one.
class RateLimit {
 public:
  /// `burst` attempts at once, then one per `refill`. At most `max_keys` keys are remembered: past it the one unused
  /// longest is forgotten, so that a flood of invented keys costs the flooder's own memory of itself first.
  RateLimit(std::size_t burst, Seconds refill, std::size_t max_keys);

  /// Takes one attempt of `key`. Returns zero when it may go on, else how long to wait.
  Seconds take(const std::string& key, MonoTime now);
  /// Gives one back: the attempt succeeded.
  void give_back(const std::string& key);
  std::size_t size() const { return entries_.size(); }

 private:
  struct Bucket {
    std::string key;
    double tokens;
    MonoTime at;
  };
  double burst_;
  Seconds refill_;
  std::size_t max_keys_;
  std::list<Bucket> order_;  // most recently used first
  std::unordered_map<std::string, std::list<Bucket>::iterator> entries_;
};

/// Whose attempts count together: an address, or an IPv6 network of 64 bits, which one subscriber has whole.
std::string attempt_key(const IpAddress& from);

}  // namespace postern
