// RAND_METHOD is deprecated, and still the one way to give OpenSSL 3.0 a whole process's randomness.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "seeded_crypto.h"

#include <openssl/rand.h>

#include <optional>

#include "base/random.h"

namespace postern::sim {
namespace {

std::optional<SeededRandom> source;

int fill(unsigned char* out, int size) {
  source->fill({out, static_cast<std::size_t>(size)});
  return 1;
}
int ready() { return 1; }

constexpr RAND_METHOD kMethod = {nullptr, fill, nullptr, nullptr, fill, ready};

}  // namespace

SeededCrypto::SeededCrypto(std::uint64_t seed) {
  source.emplace(seed);
  RAND_set_rand_method(&kMethod);
}

SeededCrypto::~SeededCrypto() {
  RAND_set_rand_method(nullptr);
  source.reset();
}

}  // namespace postern::sim
