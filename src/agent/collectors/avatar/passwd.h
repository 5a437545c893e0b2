#pragma once
// Home directories in passwd(5). Pure.
#include <string>
#include <string_view>

namespace postern::agent {

/// The absolute home of that user; empty when the file names none.
std::string home_of(std::string_view passwd, std::string_view user);

}  // namespace postern::agent
