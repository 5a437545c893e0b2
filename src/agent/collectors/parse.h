#pragma once
// Parsers of the small text formats that collectors read. Pure.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "posture/fact.h"

namespace postern::agent {

/// "KEY=value" lines, quotes removed, comments and sections skipped; the first of a repeated key counts.
std::map<std::string, std::string> parse_key_values(std::string_view text);
/// "model name : X" of /proc/cpuinfo; empty when there is none.
std::string parse_cpu_model(std::string_view cpuinfo);
/// MemTotal of /proc/meminfo in MiB.
std::optional<std::int64_t> parse_memory_mb(std::string_view meminfo);
/// Default routes of /proc/net/route: interface, gateway, metric.
std::vector<posture::Route> parse_routes(std::string_view proc_net_route);
/// The hardware address of `ip` on `interface` in /proc/net/arp, complete entries only.
MacAddress parse_arp(std::string_view proc_net_arp, const IpAddress& ip, std::string_view interface);
/// Names of users with a session in utmp's records; the bytes of the file.
std::vector<std::string> parse_utmp_users(std::string_view utmp);

}  // namespace postern::agent
