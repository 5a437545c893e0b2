#pragma once
// Which endpoint an administrator means by a word.
#include <string>

#include "base/result.h"
#include "gateway/cli/operations.h"

namespace postern::gateway::cli {

/// Does the endpoint fit one word? What kind of word it is shows in its form: an IP address, a hardware address, an EMS
/// serial number, a UID or a tenant id; "-" is any. Error: kInvalidArgument (none of these), whatever the endpoint.
Result<bool> fits(const EndpointView& endpoint, const std::string& word);

}  // namespace postern::gateway::cli
