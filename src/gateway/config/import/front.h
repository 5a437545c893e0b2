#pragma once
// What refuses in front of all policies there, and is nothing here: without it the policies would let more through. What
// isn't known counts, where it may. Names are facts of the source's format. Thread: any.
#include <string>

#include "gateway/config/import/outline.h"

namespace postern::gateway::config::fortios {

/// Of a table that this gateway doesn't have: why policies can't stay on beside it; empty: they can.
std::string refuses_in_front(const Block& block);

/// What a setting of `system interface` does to traffic by it.
enum class Narrows {
  kNothing,
  kIncoming,  ///< Whoever comes in by it may be refused, such as by a captive portal.
  kBoth,      ///< Nothing may pass by it, such as when it is down. Also what isn't known.
};
Narrows narrows(const Setting& of_interface);
/// The same of `wireless-controller vap`, whose entries are interfaces, too.
Narrows narrows_network(const Setting& of_vap);

}  // namespace postern::gateway::config::fortios
