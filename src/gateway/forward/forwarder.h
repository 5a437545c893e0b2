#pragma once
// The process that carries TCP connections for clients of access proxies: nginx has decided on them by then, and hands
// over what their api-gateway leads to (destinations.h). It reads what clients send, so it has no rights of the
// gateway's, and it outlives a restart of it.
#include <functional>
#include <string>

#include "gateway/forward/forwarder_log.h"
#include "net/own_addresses.h"
#include "net/tunnel.h"

namespace postern::gateway {

struct ForwarderOptions {
  std::string socket;  ///< In a folder as of forwarder_place.h. Mode 0600 and the user's: only nginx, of that user, connects.
  std::string user;    ///< To become before anybody can connect; empty: as we are.
};

/// Runs until SIGTERM; returns the process's exit status.
int run_forwarder(const ForwarderOptions& options);

/// What becomes of a request: where it goes, or why not. Of the machine's own addresses (`own`) only those are led to that are
/// configured one by one: who comes from there comes from an address that policies may let in, whoever it is.
/// Pure but for the log (nullptr: none), and `own`.
net::TunnelAnswer forward_decision(const net::HttpRequest& request, ForwarderLog* log = nullptr,
                                   const std::function<bool(const IpAddress&)>& own = net::own_address);

}  // namespace postern::gateway
