#pragma once
// Output on its way to a terminal: whatever a stored text or another machine put into it, it gives the terminal no orders.
#include <string>
#include <string_view>

namespace postern::gateway::cli {

/// Line breaks and tabs stay, \r\n is a line break; every other control character (is_control) and every byte that is
/// not UTF-8 is written as \xHH of its bytes.
std::string safe_text(std::string_view text);

}  // namespace postern::gateway::cli
