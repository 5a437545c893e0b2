#pragma once
// From the configured policies to the bytes that nginx's workers map.
#include <string>
#include <string_view>

#include "base/hex.h"
#include "base/result.h"
#include "policy/table.h"

namespace postern::policy {

/// Limits of one table; more is a mistake in the configuration, not a need.
inline constexpr std::size_t kMaxPolicies = 20'000;
inline constexpr std::size_t kMaxProxies = 2'000;

/// A text that a table takes, made of one from elsewhere: each control character becomes a space, what is too long is cut
/// off, between characters.
std::string clean(std::string_view text);

/// Errors: kInvalidArgument names the entry and what is wrong with it (repeated id, tag bit out of
/// range, a policy that names a proxy that isn't there, a text with control characters or longer
/// than 1,024 bytes). Pure. Thread: any.
Result<Bytes> compile(const PolicyTable& table);

}  // namespace postern::policy
