#pragma once
// What protects the endpoint: antivirus and its signatures, firewall, VPN. Features are what is found, never constants.
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "agent/collectors/collector.h"

namespace postern::agent {

inline constexpr std::string_view kProtectionFiles[] = {"/var/lib/clamav/daily.cld",
                                                        "/var/lib/clamav/daily.cvd",
                                                        "/usr/sbin/clamd",
                                                        "/opt/microsoft/mdatp/sbin/wdavdaemon",
                                                        "/opt/CrowdStrike/falcon-sensor",
                                                        "/opt/ds_agent/ds_agent",
                                                        "/usr/sbin/openvpn",
                                                        "/usr/bin/wg",
                                                        "/usr/sbin/openconnect",
                                                        "/usr/sbin/swanctl",
                                                        "/usr/sbin/ipsec"};
void collect_protection(Facts& facts);

/// The head of a database of a hundred megabytes. Errors: as of reading a file.
Result<std::string> read_clam_head(const std::filesystem::path& path);

/// Something that can be started, not a name that stayed behind.
bool is_program(const Facts& facts, const std::string& path);

/// Daemons of installed products: whether they run decides facts of this family.
std::vector<std::string> protecting_daemons(const Facts& facts);

}  // namespace postern::agent
