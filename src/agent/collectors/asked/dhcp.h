#pragma once
// What DHCP clients keep of their leases. Pure.
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace postern::agent {

struct DhcpLease {
  std::string address;  ///< What was leased; empty: it does not say.
  std::string server;                         ///< Address; empty: not said.
  std::map<unsigned, std::string> options;    ///< By number, as the client wrote them.
  friend bool operator==(const DhcpLease&, const DhcpLease&) = default;
};
inline constexpr std::size_t kMaxLeases = 256;
inline constexpr std::size_t kMaxLeaseOption = 1024;  ///< Bytes of a value; longer ones are left out.

/// dhclient.leases(5): the last lease of each interface, if it has not expired.
std::vector<DhcpLease> parse_dhclient_leases(std::string_view text, WallTime now);
/// systemd-networkd's and NetworkManager's: KEY=value.
DhcpLease parse_key_value_lease(std::string_view text);
/// What NetworkManager keeps of a link, [dhcp4] of /run/NetworkManager/devices/INDEX.
DhcpLease parse_device_state(std::string_view text);
/// The hardware address of an IP address in /proc/net/arp; empty: none is known.
std::string arp_entry(std::string_view table, std::string_view ip);

/// The machine's own IPv4 addresses of /proc/net/fib_trie.
std::set<std::string> local_addresses(std::string_view trie);

}  // namespace postern::agent
