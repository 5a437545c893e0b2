#include "base/rate_limit.h"

#include <algorithm>
#include <cmath>

#include "base/hex.h"

namespace postern {

RateLimit::RateLimit(std::size_t burst, Seconds refill, std::size_t max_keys)
    : burst_(static_cast<double>(burst)), refill_(refill), max_keys_(max_keys) {}

Seconds RateLimit::take(const std::string& key, MonoTime now) {
  auto it = entries_.find(key);
  if (it == entries_.end()) {
    if (entries_.size() >= max_keys_) {
      entries_.erase(order_.back().key);
      order_.pop_back();
    }
    order_.push_front({key, burst_, now});
    it = entries_.emplace(key, order_.begin()).first;
  } else {
    order_.splice(order_.begin(), order_, it->second);
  }
  Bucket& bucket = *it->second;
  const std::chrono::duration<double> passed = now - bucket.at;
  bucket.tokens = std::min(burst_, bucket.tokens + passed.count() / static_cast<double>(refill_.count()));
  bucket.at = now;
  if (bucket.tokens >= 1.0) {
    bucket.tokens -= 1.0;
    return Seconds(0);
  }
  const double wait = (1.0 - bucket.tokens) * static_cast<double>(refill_.count());
  return Seconds(std::max<std::int64_t>(1, static_cast<std::int64_t>(std::ceil(wait))));
}

void RateLimit::give_back(const std::string& key) {
  auto it = entries_.find(key);
  if (it != entries_.end()) it->second->tokens = std::min(burst_, it->second->tokens + 1.0);
}

std::string attempt_key(const IpAddress& from) {
  if (!from.is_v6()) return from.str();
  return "v6:" + to_hex_lower(ByteView(from.bytes()).first(8));
}

}  // namespace postern
