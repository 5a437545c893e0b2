#include "gateway/addresses/matched.h"

namespace postern::gateway {

MatchReason match_reason(const Record& record, const Resolver& resolver) {
  if (record.asked) return MatchReason::kCertificate;
  if (!record.share_connected) return MatchReason::kSharedOnly;
  return resolver.gateway_interface(record) != nullptr ? MatchReason::kDefaultGateway : MatchReason::kOtherGateway;
}

std::string match_reason_text(MatchReason reason, const Record& record, const Resolver& resolver) {
  switch (reason) {
    case MatchReason::kCertificate:
      return "it has come through an access proxy with its certificate";
    case MatchReason::kDefaultGateway:
      if (const auto* ours = resolver.gateway_interface(record)) return "its default gateway is " + ours->name;
      return "its default gateway is this gateway";
    case MatchReason::kOtherGateway:
      return "the hardware address of its default gateway is no interface's of this gateway now";
    case MatchReason::kSharedOnly:
      return std::string("this gateway is not its default gateway, and it has not come through an access proxy: the EMS "
                         "shares it because it shares ") +
             (record.share_all ? "all endpoints" : "those of selected devices") + " with this gateway";
  }
  return {};
}

}  // namespace postern::gateway
