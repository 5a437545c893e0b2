#include "gateway/cli/lines.h"

#include <algorithm>

#include "base/text.h"

namespace postern::gateway::cli {

std::string printable(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return one_line(out);  // the control characters that are longer than a byte, and what is no text
}

/// Stands for a space that is no place to break at.
constexpr char kFirmSpace = '\x01';

std::string unbroken(std::string command) {
  std::replace(command.begin(), command.end(), ' ', kFirmSpace);
  return command;
}

void Lines::add(std::string_view label, std::string_view value) {
  text_ += label;
  if (!value.empty()) text_ += ' ' + printable(value);
  text_ += '\n';
}

void Lines::add(std::string_view line) { text_ += printable(line) + '\n'; }

void Lines::wrap(std::string_view text, std::size_t indent, std::string_view mark) {
  constexpr std::size_t kWidth = 80;
  std::string line = std::string(indent, ' ') + std::string(mark);
  const std::size_t hang = line.size();
  bool begun = false;
  for (const auto word : split(text, ' ')) {
    if (word.empty()) continue;
    if (begun && line.size() + 1 + word.size() > kWidth) {
      add(line);
      line = std::string(hang, ' ');
      begun = false;
    }
    if (begun) line += ' ';
    line += word;
    std::replace(line.begin(), line.end(), kFirmSpace, ' ');
    begun = true;
  }
  add(line);
}

}  // namespace postern::gateway::cli
