#include "cli/table.h"

#include <algorithm>
#include <numeric>
#include <stdexcept>

#include "base/text.h"

namespace postern::cli {
namespace {

constexpr std::size_t kBetweenColumns = 2;

/// Widths that fit into `room`; a column that went has none.
std::vector<std::size_t> fitted(const std::vector<Column>& columns, std::vector<std::size_t> widths, std::size_t room) {
  const auto needed = [&] {
    std::size_t sum = 0, shown = 0;
    for (const std::size_t w : widths) {
      sum += w;
      shown += w > 0 ? 1 : 0;
    }
    return sum + (shown > 0 ? (shown - 1) * kBetweenColumns : 0);
  };
  const auto shrink = [&] {
    while (needed() > room) {
      // The widest that still may gives one.
      std::size_t widest = columns.size();
      for (std::size_t i = 0; i < columns.size(); ++i) {
        if (columns[i].least == 0 || widths[i] <= columns[i].least) continue;
        if (widest == columns.size() || widths[i] > widths[widest]) widest = i;
      }
      if (widest == columns.size()) return false;
      --widths[widest];
    }
    return true;
  };
  const auto natural = widths;
  while (!shrink()) {
    std::size_t go = columns.size();
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (widths[i] == 0 || columns[i].dispensable == 0) continue;
      if (go == columns.size() || columns[i].dispensable > columns[go].dispensable) go = i;
    }
    if (go == columns.size()) break;
    std::vector<bool> gone(columns.size());
    for (std::size_t i = 0; i < columns.size(); ++i) gone[i] = widths[i] == 0 || i == go;
    for (std::size_t i = 0; i < columns.size(); ++i) widths[i] = gone[i] ? 0 : natural[i];
  }
  return widths;
}

std::string cell_text(const Look& look, const Column& column, std::string_view text, std::size_t width) {
  return column.by_beginning ? cut_off(text, width) : shortened(look, text, width);
}

}  // namespace

void Table::add(std::vector<Cell> row) {
  if (row.size() != columns_.size()) throw std::logic_error("a row has as many cells as the table has columns");
  for (Cell& cell : row) cell.text = one_line(cell.text);
  rows_.push_back(std::move(row));
}

std::string Table::text(const Look& look, std::size_t indent) const {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    std::size_t width = std::max<std::size_t>(columns_of(columns_[i].title), 1);
    for (const auto& row : rows_) width = std::max(width, columns_of(row[i].text));
    widths.push_back(width);
  }
  if (look.width > indent) widths = fitted(columns_, std::move(widths), look.width - indent);
  std::string out;
  const auto line = [&](const auto& text_of, const auto& style_of) {
    std::string text(indent, ' ');
    std::size_t owed = 0;  // blanks that are written only if something comes behind them
    bool first = true;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (widths[i] == 0) continue;
      if (!first) owed += kBetweenColumns;
      first = false;
      const std::string shown = cell_text(look, columns_[i], text_of(i), widths[i]);
      const std::size_t blanks = widths[i] - std::min(widths[i], columns_of(shown));
      if (columns_[i].right) owed += blanks;
      if (!shown.empty()) {
        text.append(owed, ' ');
        owed = 0;
        text += look.paint(style_of(i), shown);
      }
      if (!columns_[i].right) owed += blanks;
    }
    out += text + '\n';
  };
  line([&](std::size_t i) { return columns_[i].title; }, [](std::size_t) { return Style::kFaint; });
  for (const auto& row : rows_) {
    line([&](std::size_t i) { return row[i].text; }, [&](std::size_t i) { return row[i].style; });
  }
  return out;
}

}  // namespace postern::cli
