#pragma once
// The kernel's tables of sockets. Pure.
#include <cstddef>
#include <set>
#include <string>
#include <string_view>

#include "base/hex.h"

namespace postern::agent {

inline constexpr std::size_t kMaxListening = 1000;

/// Adds what a table of /proc/net (tcp, tcp6, udp, udp6) shows as waiting for others: TCP sockets that listen, UDP sockets
/// that are connected to nobody. "tcp 0.0.0.0:22", "udp [::]:53". Lines of another form are skipped; at most
/// kMaxListening are held.
void parse_sockets(std::string_view text, bool udp, std::set<std::string>& out);

/// The same, of a datagram of the kernel's answer about sockets (sock_diag(7)) that were asked for by their state.
void parse_socket_diag(ByteView datagram, bool udp, std::set<std::string>& out);

}  // namespace postern::agent
