#pragma once
// What nftables' tests mean for a packet that nobody let in by name: which of them it may pass. Pure.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "agent/collectors/protection/nft_rule.h"
#include "base/hex.h"

namespace postern::agent {

enum class NftMeaning {
  kNever,   ///< It does not match: another family, or what never leaves this machine.
  kNarrow,  ///< Few packets match.
  kMaybe,   ///< It may match any packet, or not.
  kAlways,
  kUnclear,
};

/// Of a test that compares with one of `values`, for a packet of `family` (NFPROTO_…). What is_translated() is kUnclear
/// here: it hangs on other rules.
NftMeaning meaning_of(const NftTest& test, const std::vector<Bytes>& values, std::uint8_t family);
/// Of two tests that stand side by side as one range of ports; none: they are two.
std::optional<NftMeaning> meaning_of_range(const NftTest& test, const NftTest& next);
/// Which part of all ports or senders a narrow test of either names, from 0 to 1, if it compares with `values` many; 0: of
/// anything else.
double share_of(const NftTest& test, std::size_t values);
double share_of_range(const NftTest& test, const NftTest& next);
/// Of all tests of a rule: all must match.
NftMeaning meaning_of_both(NftMeaning a, NftMeaning b);

/// Of its set, the elements say how much each of them is, one by one.
bool is_counted(const NftTest& test);
/// "ct status dnat"
bool is_translated(const NftTest& test);

}  // namespace postern::agent
