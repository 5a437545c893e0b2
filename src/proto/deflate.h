#pragma once
// zlib streams with a bound on what they may grow to.
#include <string>

#include "base/hex.h"
#include "base/result.h"

namespace postern::proto {

std::string deflate_text(std::string_view text);
/// Errors: kDataLoss (not a whole zlib stream), kResourceExhausted (would inflate past `limit` bytes).
Result<std::string> inflate_text(std::string_view compressed, std::size_t limit);

}  // namespace postern::proto
