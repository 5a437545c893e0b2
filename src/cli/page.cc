#include "cli/page.h"

namespace postern::cli {

std::size_t Page::left(std::size_t indent) const { return look_.width > indent + 20 ? look_.width - indent : 0; }

void Page::wrapped_lines(std::string_view text, std::size_t indent, Style style) {
  const std::string blanks(indent, ' ');
  const std::size_t width = indent == 0 ? look_.width : left(indent);
  for (const std::string& part : wrapped(text, width)) line(blanks + look_.paint(style, part));
}

void Page::paragraph(std::string_view label, std::string_view text, Style style) {
  std::string shown(label);
  for (const std::string& part : wrapped(text, left(kLabelWidth))) {
    line(look_.paint(Style::kFaint, padded(shown, kLabelWidth)) + look_.paint(style, part));
    shown.clear();
  }
}

std::string Page::fitted(const std::string& text, std::size_t used) const {
  if (look_.width == 0) return text;
  return shortened(look_, text, look_.width > used + 10 ? look_.width - used : 10);
}

}  // namespace postern::cli
