#pragma once
// What a set holds, told in two numbers: to see that somebody else changed it without keeping it twice. Pure.
#include <cstdint>
#include <string_view>

namespace postern::gateway::firewall {

/// Of elements in nftables' syntax, in any order. Not made against forgery: who may change nftables may do anything here.
struct Fingerprint {
  std::uint64_t count = 0, sum = 0;
  void add(std::string_view element) { ++count, sum += digest(element); }
  void remove(std::string_view element) { --count, sum -= digest(element); }
  friend bool operator==(const Fingerprint&, const Fingerprint&) = default;

  /// Of one element, or of anything else: FNV-1a, stirred so that sums of it don't cancel out.
  static std::uint64_t digest(std::string_view bytes, std::uint64_t from = 0xcbf29ce484222325u) {
    std::uint64_t h = from;
    for (const char c : bytes) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
    h ^= h >> 31;
    h *= 0x9e3779b97f4a7c15u;
    return h ^ (h >> 29);
  }
};

}  // namespace postern::gateway::firewall
