#pragma once
// Random versions for tests of their orders: from one seed always the same.
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "base/versions/order.h"

namespace postern::versions {

class VersionMaker {
 public:
  VersionMaker(Order order, std::uint32_t seed) : order_(order), random_(seed) {}

  /// Of the pieces that decide in this order: numbers with zeros in front, signs, letters, its own words.
  std::string next();
  /// The same with a few pieces changed, so that a comparison goes deep.
  std::string near(const std::string& version);

 private:
  std::size_t below(std::size_t end) { return random_() % end; }
  std::string piece();

  Order order_;
  std::mt19937 random_;
};

}  // namespace postern::versions
