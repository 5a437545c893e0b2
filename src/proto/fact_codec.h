#pragma once
// Facts on the wire (and in the EMS's store) and as values.
#include <string>
#include <string_view>

#include "base/result.h"
#include "posture/fact.h"

namespace postern::wire {
class Fact;
}

namespace postern::proto {

// Bounds of what is taken from a peer; larger is refused, so nobody sends larger.
inline constexpr std::size_t kMaxFactKey = 512;         ///< Bytes.
inline constexpr std::size_t kMaxFactText = 64u << 10;  ///< Bytes of a text.
inline constexpr std::size_t kMaxFactList = 4096;       ///< Members of a list.
inline constexpr std::size_t kMaxProbes = 4096;         ///< Keys that an agent is asked for; it leaves out the rest.

/// Whether a peer takes this value.
bool within_bounds(const posture::Fact& fact);
/// Texts that are not UTF-8 (the wire carries nothing else) get U+FFFD where they are not.
/// VulnerabilityCounts have no form on the wire (the EMS makes them): they become unknown, unsupported.
void encode_fact(std::string_view key, const posture::Fact& fact, wire::Fact& out);
/// Without the key. Errors: kInvalidArgument (neither unknown nor exactly one value, an address of the wrong length, a
/// member this version doesn't know), kResourceExhausted (a bound).
Result<posture::Fact> decode_fact(const wire::Fact& in);

}  // namespace postern::proto
