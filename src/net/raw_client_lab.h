#pragma once
// For tests: a client that sends bytes as they are, whatever a server makes of them.
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "net/loop.h"

namespace postern::net {

/// Sends `text` to this port of 127.0.0.1 from a thread of its own while `run` runs the loop, stops the loop when the server
/// has closed the connection, and returns all that it said. Empty: it could not be reached, too.
std::string exchange(Loop& loop, std::uint16_t port, std::string_view text, const std::function<void()>& run);

}  // namespace postern::net
