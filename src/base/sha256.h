#pragma once
#include <array>
#include <cstdint>
#include <functional>

#include "base/hex.h"
#include "base/result.h"

namespace postern {

using Sha256 = std::array<std::uint8_t, 32>;

/// FIPS 180-4, by OpenSSL. Thread: any.
Sha256 sha256(ByteView bytes);
inline Sha256 sha256(std::string_view text) { return sha256(as_bytes(text)); }

/// The digest whose 32 bytes these are. Errors: kInvalidArgument for another length.
Result<Sha256> parse_sha256(std::string_view bytes);

/// Compares without telling by its time where the first difference lies. Different lengths are unequal.
bool equal_constant_time(ByteView a, ByteView b);

}  // namespace postern

template <>
struct std::hash<postern::Sha256> {
  std::size_t operator()(const postern::Sha256& d) const noexcept {
    std::size_t h;  // A digest's bytes are as good a hash as any.
    __builtin_memcpy(&h, d.data(), sizeof h);
    return h;
  }
};
