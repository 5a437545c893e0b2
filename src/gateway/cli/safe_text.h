#pragma once
// Output on its way to a terminal: whatever a stored text or another machine put into it, it gives the terminal no orders.
#include <cstddef>
#include <string>
#include <string_view>

namespace postern::gateway::cli {

/// Line breaks and tabs stay, \r\n is a line break; every other control character (is_control) and every byte that is
/// not UTF-8 is written as \xHH of its bytes.
std::string safe_text(std::string_view text);

/// Sentences for a person: a line that is wider goes on in the next one, broken at a blank where there is one.
std::string folded(std::string_view text, std::size_t columns);

}  // namespace postern::gateway::cli
