#pragma once
// Keys and signatures from a seed, so that a seed's certificates (and every order that follows from their digests) are
// the same in each run. While one exists, OpenSSL's randomness in this process is its own. Never outside of tests.
#include <cstdint>

namespace postern::sim {

class SeededCrypto {
 public:
  explicit SeededCrypto(std::uint64_t seed);
  ~SeededCrypto();
  SeededCrypto(const SeededCrypto&) = delete;
  SeededCrypto& operator=(const SeededCrypto&) = delete;
};

}  // namespace postern::sim
