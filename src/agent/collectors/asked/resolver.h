#pragma once
// resolv.conf(5). Pure.
#include <string>
#include <string_view>
#include <vector>

namespace postern::agent {

/// Its name servers in order, distinct, zones taken off, as resolvers read them ("1.1" is 1.0.0.1); at most 64.
std::vector<std::string> parse_name_servers(std::string_view text);

}  // namespace postern::agent
