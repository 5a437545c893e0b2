#pragma once
// Matched endpoints: those whose certificates this gateway lets decide. Pure. Source: docs/protocol/fabric.md.
#include <string>

#include "gateway/addresses/resolver.h"

namespace postern::gateway {

enum class MatchReason {
  kCertificate,     ///< It came with its certificate.
  kDefaultGateway,  ///< Its default gateway is an interface of ours.
  kOtherGateway,    ///< The EMS has it behind us; the hardware address of its default gateway is none of ours (any more).
  kSharedOnly,      ///< It is shared because the EMS shares all, or those of selected devices.
};
constexpr bool is_match(MatchReason reason) {
  return reason == MatchReason::kCertificate || reason == MatchReason::kDefaultGateway;
}

/// Why is (isn't) it among the matched endpoints?
MatchReason match_reason(const Record& record, const Resolver& resolver);
/// For people: "its default gateway is port1".
std::string match_reason_text(MatchReason reason, const Record& record, const Resolver& resolver);

}  // namespace postern::gateway
