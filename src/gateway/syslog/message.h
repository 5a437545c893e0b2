#pragma once
// A decision of the access proxies as a message of syslog (RFC 5424). Pure.
#include <cstdint>
#include <string>

#include "ecshm/event.h"
#include "gateway/ztna/traffic_log.h"

namespace postern::gateway::syslog {

/// What is the same in all messages of this gateway.
struct Origin {
  unsigned facility = 23;    ///< 0..23.
  std::string host;          ///< Its name; what RFC 5424 doesn't allow in HOSTNAME is left out of it.
  std::string process;       ///< Its number.
};

/// No message is longer, whatever its event and its names are: tags that find no room are counted in it.
inline constexpr std::size_t kMaxMessage = 16'384;

/// Appends to `out`:
///
///   <188>1 2026-11-24T14:02:03.123Z gw1 postern-gateway 4711 ztna-deny [ztna@32473 action="deny" id="K7QM-2D9F"
///   reason="065" … tag="EMS1_ZTNA_Marked"] the endpoint lacks a tag that the policy demands
///
/// Severity: informational (6) of what was let through, warning (4) of a denial or a cut. The parameters are those of
/// the traffic log's lines under the same names, without `time`, `type`, `subtype` and `msg`; of several tags there is a
/// `tag` each. 32473 is the enterprise number that stands for none (RFC 5612). Control characters become spaces, bytes
/// that are not UTF-8 U+FFFD, and `"`, `\\` and `]` are escaped (RFC 5424, 6.3.3).
void put_message(std::string& out, const Origin& origin, const ecshm::EventView& event, const TrafficNames& names);

/// The same of a routed connection that was ended, or of several: MSGID `forward-cut`, parameters as in its line of the
/// traffic log.
void put_message(std::string& out, const Origin& origin, const ForwardCut& cut);

}  // namespace postern::gateway::syslog
