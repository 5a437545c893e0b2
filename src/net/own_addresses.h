#pragma once
#include "base/ip.h"

namespace postern::net {

/// Is this one of the addresses of this machine (of its network namespace), or one that always leads to it: loopback,
/// unspecified? Asks the kernel. Where it can't be asked: yes. Thread: any.
bool own_address(const IpAddress& address);

}  // namespace postern::net
