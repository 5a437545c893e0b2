#include "cli/table.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "base/text.h"

namespace postern::cli {
namespace {

constexpr std::size_t kBetweenColumns = 2;

/// What a column should keep as long as others can be done without.
constexpr std::size_t kReadable = 26;

class Fitting {
 public:
  Fitting(const std::vector<Column>& columns, std::vector<std::size_t> natural, std::size_t room)
      : columns_(columns), natural_(std::move(natural)), widths_(natural_), room_(room) {}

  /// Widths that fit; a column that went has none.
  std::vector<std::size_t> widths() {
    while (!shrink(kReadable) && drop()) {
    }
    shrink(1);
    return widths_;
  }

 private:
  std::size_t needed() const {
    std::size_t sum = 0, shown = 0;
    for (const std::size_t w : widths_) {
      sum += w;
      shown += w > 0 ? 1 : 0;
    }
    return sum + (shown > 0 ? (shown - 1) * kBetweenColumns : 0);
  }

  /// What is known by its beginning shrinks first; then always the widest column gives, down to `readable` or its
  /// least.
  bool shrink(std::size_t readable) {
    const auto floor_of = [&](std::size_t i) {
      if (columns_[i].least == 0) return widths_[i];
      return columns_[i].by_beginning ? columns_[i].least
                                      : std::max(columns_[i].least, std::min(natural_[i], readable));
    };
    while (needed() > room_) {
      std::size_t widest = columns_.size();
      for (std::size_t i = 0; i < columns_.size(); ++i) {
        if (widths_[i] <= floor_of(i)) continue;
        if (widest == columns_.size() || rank(i) > rank(widest)) widest = i;
      }
      if (widest == columns_.size()) return false;
      --widths_[widest];
    }
    return true;
  }
  std::pair<bool, std::size_t> rank(std::size_t i) const { return {columns_[i].by_beginning, widths_[i]}; }

  /// Takes the most dispensable column away; the others have their room again.
  bool drop() {
    std::size_t go = columns_.size();
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (widths_[i] == 0 || columns_[i].dispensable == 0) continue;
      if (go == columns_.size() || columns_[i].dispensable > columns_[go].dispensable) go = i;
    }
    if (go == columns_.size()) return false;
    natural_[go] = 0;
    widths_ = natural_;
    return true;
  }

  const std::vector<Column>& columns_;
  std::vector<std::size_t> natural_, widths_;
  std::size_t room_;
};

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
  if (look.width > indent) widths = Fitting(columns_, std::move(widths), look.width - indent).widths();
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
