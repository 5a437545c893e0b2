#pragma once
// A table of texts, fitted to the terminal: first columns that may shrink do, then those that one can do without go.
#include <cstddef>
#include <string>
#include <vector>

#include "cli/look.h"

namespace postern::cli {

struct Column {
  std::string title;
  bool right = false;
  /// Columns it may shrink to; 0: it keeps its width.
  std::size_t least = 0;
  /// Shrinks to its beginning, without a sign that there is more (a UID, which is taken by its beginning).
  bool by_beginning = false;
  /// One can do without it: the highest goes first. 0: it stays.
  int dispensable = 0;
};

struct Cell {
  Cell() = default;
  // NOLINTNEXTLINE(google-explicit-constructor): rows are written as lists of texts
  Cell(std::string t, Style s = Style::kPlain) : text(std::move(t)), style(s) {}
  // NOLINTNEXTLINE(google-explicit-constructor)
  Cell(const char* t) : text(t) {}
  std::string text;
  Style style = Style::kPlain;
};

class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  /// As many cells as there are columns. Control characters in them become blanks: they are other people's texts.
  void add(std::vector<Cell> row);
  bool empty() const { return rows_.empty(); }
  /// Lines with their ends, `indent` blanks before each.
  std::string text(const Look& look, std::size_t indent = 0) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace postern::cli
