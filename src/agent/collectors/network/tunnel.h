#pragma once
// Which links are a VPN's. Pure.
#include <net/if_arp.h>

#include <algorithm>
#include <iterator>
#include <string_view>

namespace postern::agent {

/// By the kernel's kind of a link ("tun", "wireguard", …; empty for hardware) and its hardware type (ARPHRD_…). A
/// device of kind "tun" that carries Ethernet is a tap: virtual machines hang on such, and a VPN that bridges looks the
/// same.
inline bool is_tunnel(std::string_view kind, unsigned type) {
  static constexpr std::string_view kKinds[] = {"tun", "wireguard", "xfrm", "vti", "vti6", "ovpn"};
  if (kind == "tun" && type == ARPHRD_ETHER) return false;
  return std::ranges::find(kKinds, kind) != std::end(kKinds) || type == ARPHRD_PPP;
}

}  // namespace postern::agent
