#pragma once
// A connector's view kept across a restart of the gateway: what lets it go on deciding while the EMS is away, until the
// out-of-sync threshold counted from the last contact. Pure: bytes in and out.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "proto/view.h"

namespace postern::gateway {

struct CachedView {
  std::uint64_t epoch = 0;
  std::uint64_t revision = 0;
  proto::View view;
  /// Of the last contact with the EMS. `mono` means something only within one boot.
  Now contact;
  std::string boot_id;
  /// Whose view this is, as the configuration named it; counts only for a connector that still names the same.
  std::string source;
};

std::string encode_cached_view(const CachedView& cached);
/// Errors: kUnsupported (of an earlier version, which didn't say whose it is), kDataLoss (damaged, cut short, of a version
/// this program doesn't know, or count and digest don't fit).
Result<CachedView> decode_cached_view(std::string_view bytes);

/// Until when a cached view may be used: `threshold` after its last contact. After a reboot the wall clock has to do;
/// if it went backwards the age can't be told, and nothing is valid.
MonoTime cached_view_deadline(const CachedView& cached, Now now, std::string_view boot_id, Seconds threshold);

}  // namespace postern::gateway
