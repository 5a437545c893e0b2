#pragma once
// For tests on a real kernel's network: one that only the test sees.
#include <functional>
#include <string>

namespace postern::agent {

/// Runs `body` on a thread of its own that has a network namespace of its own, and waits for it. False: there is no
/// right to make one, and nothing ran.
bool in_own_network(const std::function<void()>& body);

/// ip(8) in the calling thread's network: ip("link set lo up"). That it fails is a failure of the test.
void ip(const std::string& arguments);

}  // namespace postern::agent
