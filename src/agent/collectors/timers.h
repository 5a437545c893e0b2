#pragma once
// Whether systemd's timers, or cron, start something by themselves.
#include <string>

#include "agent/collectors/collector.h"
#include "base/result.h"

namespace postern::agent {

/// Where systemd's links to timers stand that are enabled.
inline constexpr const char* kTimersWanted = "/etc/systemd/system/timers.target.wants";
/// Of a directory: it is there while systemd runs this machine, sd_booted(3).
inline constexpr const char* kSystemdRuns = "/run/systemd/system";

/// Does NAME.timer start NAME.service by itself? Of the running system as its systemd says now; of an image, whether it
/// would be so after a start: it is enabled, and neither of the two is masked. Blocks. Errors: those of asking
/// systemctl.
Result<bool> timer_starts(const Facts& facts, const std::string& name);

/// By its files: is this unit there, and not masked (a link to /dev/null, or an empty file)?
bool unit_can_start(const Facts& facts, const std::string& unit);

/// Does systemd, or a cron, start this machine's daily work? Of an image: would systemd?
enum class Starter { kSystemd, kCron, kNobody, kUnseen };
Starter starter(const Facts& facts);

}  // namespace postern::agent
