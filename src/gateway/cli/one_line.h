#pragma once
// Texts that others had a part in, for a terminal.
#include <string>

namespace postern::gateway::cli {

/// Control characters become spaces: the text stays on its line and gives the terminal no orders.
inline std::string one_line(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return text;
}

}  // namespace postern::gateway::cli
