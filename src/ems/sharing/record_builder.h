#pragma once
// From what is known of an endpoint to the record that gateways get. Unknown facts become empty fields or
// FEATURE_UNKNOWN, never a value that looks known.
#include <optional>
#include <string>

#include "base/ids.h"
#include "ems/registry/model.h"

namespace postern::ems {

/// Why an endpoint is in a gateway's view.
struct ShareReasons {
  bool connected = false;   ///< Its default gateway is an interface of this gateway.
  bool all = false;
  bool selected = false;    ///< Behind a device that this one is given the endpoints of.
  bool asked = false;       ///< The gateway met its certificate.
  bool any() const { return connected || all || selected || asked; }
};

/// Which tags the gateway may see.
using TagFilter = bool (*)(const void* context, posture::TagId tag);
struct RecordContext {
  EmsSerial serial;
  TenantId tenant;
  TagFilter shared = nullptr;   ///< Null: all.
  const void* context = nullptr;
};

/// The bytes of a wire::ViewEntry: equal input, equal bytes. A deregistered or revoked endpoint becomes a blocked record:
/// who it is and its certificates, nothing else.
/// `tags` are the endpoint's.
std::string build_view_entry(const Endpoint& endpoint, const posture::TagSets& tags, const RecordContext& context,
                             const ShareReasons& why);

/// The bytes of a wire::TagInfo.
std::string build_tag_info(const Tag& tag);

}  // namespace postern::ems
