#include "posture/fact.h"

namespace postern::posture {

std::string_view unknown_reason_name(UnknownReason reason) {
  switch (reason) {
    case UnknownReason::kUnsupported: return "unsupported";
    case UnknownReason::kDenied: return "denied";
    case UnknownReason::kStale: return "stale";
    case UnknownReason::kFailed: return "failed";
  }
  return "failed";
}

}  // namespace postern::posture
