#pragma once
// For tests whose answers come by a loop.
#include <functional>

#include "net/loop.h"

namespace postern::agent {

/// Runs the loop until the condition holds. That it doesn't for long is a failure of the test, named by `what`.
void run_until(net::Loop& loop, const char* what, const std::function<bool()>& condition);

}  // namespace postern::agent
