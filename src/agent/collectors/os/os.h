#pragma once
// What system it is, its kernel and its names: os-release, uname, hostname, machine-id, machine-info.
#include <string_view>

#include "agent/collectors/collector.h"

namespace postern::agent {

inline constexpr std::string_view kOsFiles[] = {"/etc/os-release", "/usr/lib/os-release", "/etc/machine-info",
                                                "/etc/hostname", "/etc/machine-id"};
void collect_os(Facts& facts);

/// "LINUX64" for "x86_64", "LINUX_ARM64" for "aarch64"; empty for an architecture that has no name here.
std::string_view os_type_of(std::string_view machine);

}  // namespace postern::agent
