#pragma once
// Routed connections that the firewall ended, as lines of the traffic log. Pure.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ip.h"
#include "policy/reason.h"

namespace postern::gateway {

/// One connection, or how many more one change ended for one reason. Empty texts: not known.
struct ForwardCut {
  WallTime time{};
  policy::Reason reason = policy::Reason::kNone;
  std::string detail;
  std::uint32_t policy = 0;  ///< 0: not known.
  std::string policy_name;
  IpAddress source, destination;
  std::uint16_t source_port = 0, destination_port = 0;
  std::uint8_t protocol = 0;  ///< IPPROTO_TCP, ...
  std::string endpoint_uid, host_name, ems_serial;
  std::vector<std::string> tags;  ///< Forbidden, missing or unknown ones.
  std::uint64_t count = 1;        ///< Without a source: so many, of which nothing but the reason is said.
};

/// Its fields, in the order in which every log has them: `put(name, value)` with a text (empty: not known) or a number. Tags
/// are the caller's, for each log lists them in its own way; they come last, and only where there is a source.
template <class Put>
void each_field(const ForwardCut& cut, const Put& put) {
  put("reason", policy::reason_code(cut.reason));
  put("reason_name", policy::reason_name(cut.reason));
  put("msg", policy::reason_text(cut.reason));
  put("detail", std::string_view(cut.detail));
  if (!cut.source.valid()) return put("count", std::uint64_t{cut.count});
  put("policyid", std::uint64_t{cut.policy});
  put("policyname", std::string_view(cut.policy_name));
  put("srcip", std::string_view(cut.source.str()));
  put("srcport", std::uint64_t{cut.source_port});
  put("dstip", std::string_view(cut.destination.str()));
  put("dstport", std::uint64_t{cut.destination_port});
  put("proto", std::uint64_t{cut.protocol});
  put("clientdeviceid", std::string_view(cut.endpoint_uid));
  put("clientdevicename", std::string_view(cut.host_name));
  put("clientdeviceems", std::string_view(cut.ems_serial));
}

/// Without its end.
std::string forward_line(const ForwardCut& cut);

}  // namespace postern::gateway
