#pragma once
// What sshd says of itself. Pure.
#include <string>
#include <string_view>

namespace postern::agent {

/// The value of "permitrootlogin" in the output of `sshd -T`, with "without-password" by its present name; empty: it is
/// not there.
std::string parse_root_login(std::string_view text);

}  // namespace postern::agent
