#pragma once
// Randomness, injected: the kernel's in programs, a seed's in tests and simulation.
#include <cstdint>
#include <span>
#include <string>

namespace postern {

class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(std::span<std::uint8_t> out) = 0;

  std::uint64_t next_u64();
  /// Uniform in [0, bound); bound > 0.
  std::uint64_t below(std::uint64_t bound);
  /// `bytes` random bytes as upper-case hex digits.
  std::string hex(std::size_t bytes);
  /// `count` decimal digits.
  std::string digits(std::size_t count);
  /// `count` characters of A-Z and 2-9 without the ambiguous I, O, 0, 1: for what people type.
  std::string readable(std::size_t count);
};

/// getrandom(2). Thread: any.
class SystemRandom final : public Random {
 public:
  void fill(std::span<std::uint8_t> out) override;
};

/// xoshiro256**, for tests and simulation only: never for keys that guard anything. Thread: one.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed);
  void fill(std::span<std::uint8_t> out) override;

 private:
  std::uint64_t step();
  std::uint64_t state_[4];
};

}  // namespace postern
