#include "gateway/cli/pager.h"

#include <wchar.h>

#include <algorithm>

#include "base/utf8.h"

namespace postern::gateway::cli {
namespace {

constexpr std::string_view kMore = "--More-- ";

enum class Go { kPage, kLine, kQuit };

Go ask_for_more(const PagerScreen& screen) {
  screen.write(kMore);
  for (;;) {
    const int key = screen.key();
    Go go = Go::kQuit;
    if (key == ' ') go = Go::kPage;
    else if (key == '\r' || key == '\n') go = Go::kLine;
    else if (key >= 0 && key != 'q' && key != 'Q' && key != 3) continue;
    screen.write("\r" + std::string(kMore.size(), ' ') + "\r");
    return go;
  }
}

}  // namespace

std::size_t rows_of(std::string_view line, std::size_t columns) {
  std::size_t width = 0;
  while (!line.empty()) {
    const auto c = first_character(line);
    if (c.point == '\t') {
      width += 8 - width % 8;
    } else {
      const int wide = wcwidth(static_cast<wchar_t>(c.point));
      width += wide >= 0 ? static_cast<std::size_t>(wide) : 1;
    }
    line.remove_prefix(std::max<std::size_t>(c.length, 1));
  }
  return columns == 0 || width == 0 ? 1 : (width + columns - 1) / columns;
}

void print_paged(std::string_view text, const PagerScreen& screen) {
  auto size = screen.size();
  std::size_t free = std::max<std::size_t>(size.rows, 2) - 1;
  bool first = true;  // a page never is empty
  while (!text.empty()) {
    const auto end = text.find('\n');
    const auto line = text.substr(0, end == text.npos ? text.size() : end + 1);
    const auto rows = rows_of(line.ends_with('\n') ? line.substr(0, line.size() - 1) : line, size.columns);
    if (rows > free && !first) {
      const auto go = ask_for_more(screen);
      if (go == Go::kQuit) return;
      size = screen.size();
      free = go == Go::kLine ? rows : std::max<std::size_t>(size.rows, 2) - 1;
    }
    screen.write(line);
    free -= std::min(free, rows);
    first = false;
    text.remove_prefix(line.size());
  }
}

}  // namespace postern::gateway::cli
