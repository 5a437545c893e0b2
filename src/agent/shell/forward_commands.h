#pragma once
// postern-agent destinations, forward: what users see of TCP forwarding.
#include <string>

#include "net/patience.h"

namespace postern::agent {

/// Each returns the process's exit status, see commands.h.
int destinations_command(const std::string& runtime_dir, bool json, net::Patience& patience = net::real_patience());
/// Carries standard input and output, for `ssh -o ProxyCommand`. Fails, saying why, if the destination is none of this
/// endpoint's, or the gateway refuses.
int forward_command(const std::string& runtime_dir, const std::string& host, std::uint16_t port,
                    net::Patience& patience = net::real_patience());

}  // namespace postern::agent
