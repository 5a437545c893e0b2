#pragma once
// What nginx's configuration says of an api-gateway that forwards TCP: an upstream on the forwarder's socket, and the
// location that tells it where this api-gateway leads.
#include <string>

#include "gateway/ztna/nginx_config.h"

namespace postern::gateway {

/// Errors: kInvalidArgument (no socket, or one of a name that nginx can't be given; destinations that are none).
Status check_forwarding(const NginxPool& pool, const std::string& socket);
std::string forwarding_upstream(const NginxPool& pool, const std::string& socket);
std::string forwarding_location(const NginxPool& pool);

}  // namespace postern::gateway
