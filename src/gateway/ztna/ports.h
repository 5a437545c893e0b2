#pragma once
// Where nginx can't listen, and why.
#include "gateway/ztna/nginx_config.h"

namespace postern::gateway {

enum class Place {
  kFree,
  kTaken,    ///< A program listens there.
  kNowhere,  ///< No interface of this machine has the address.
};
/// Asked by binding a socket of our own for a moment. What we may not bind for another reason (a port below 1024) counts
/// as free: nginx will say what is wrong.
Place place_at(const IpAddress& address, std::uint16_t port);

/// One of them listens at every address of the port, the other at one of them: both at once can't be.
bool in_the_way(const NginxListener& a, const NginxListener& b);

}  // namespace postern::gateway
