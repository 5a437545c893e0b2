#include "gateway/cli/safe_text.h"

#include <fmt/format.h>

#include "base/utf8.h"

namespace postern::gateway::cli {

std::string safe_text(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto c = first_character(text);
    const std::size_t length = c.length == 0 ? 1 : c.length;
    if (c.length != 0 && (c.point == '\n' || c.point == '\t' || !is_control(c.point))) {
      out += text.substr(0, length);
    } else if (!text.starts_with("\r\n")) {
      for (const char byte : text.substr(0, length)) out += fmt::format("\\x{:02X}", static_cast<unsigned char>(byte));
    }
    text.remove_prefix(length);
  }
  return out;
}

std::string folded(std::string_view text, std::size_t columns) {
  std::string out;
  while (text.size() > columns && columns > 0) {
    auto at = text.substr(0, columns + 1).rfind(' ');
    if (at == text.npos || at == 0) at = text.find(' ');
    if (at == text.npos) break;
    out += text.substr(0, at);
    out += '\n';
    text.remove_prefix(at + 1);
  }
  return out += text;
}

}  // namespace postern::gateway::cli
