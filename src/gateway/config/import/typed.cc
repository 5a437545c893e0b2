#include "gateway/config/import/typed.h"

#include <algorithm>
#include <iterator>

#include "gateway/config/import/known.h"

namespace postern::gateway::config::fortios {
namespace {

constexpr std::string_view kCommands[] = {"config", "edit",  "set",    "unset", "append", "next", "end",
                                          "delete", "purge", "rename", "move",  "clone",  "abort"};

bool is_command(std::string_view word) {
  return std::find(std::begin(kCommands), std::end(kCommands), word) != std::end(kCommands);
}

bool begins_a_command(std::string_view word) {
  return !word.empty() && std::any_of(std::begin(kCommands), std::end(kCommands),
                                      [&](std::string_view c) { return c.starts_with(word); });
}

std::optional<At> first_in(const Block& block, const Table& table, std::string_view from);

std::optional<At> first_in(const Entry& entry, const Table& table, std::string_view from) {
  for (const auto& s : entry.settings) {
    if (is_shortened(table, from, s.name)) return s.at;
  }
  for (const auto& b : entry.blocks) {
    const Table* nested = table.table(b.table);
    if (!nested) continue;
    if (const auto at = first_in(b, *nested, b.table)) return at;
  }
  return {};
}

std::optional<At> first_in(const Block& block, const Table& table, std::string_view from) {
  if (const auto at = first_in(block.body, table, from)) return at;
  for (const auto& e : block.entries) {
    if (const auto at = first_in(e, table, from)) return at;
  }
  return {};
}

}  // namespace

bool is_shortened(const Table& table, std::string_view from, std::string_view name) {
  const auto& all = table.attributes;
  return !table.attribute(name) && name != table.key.name && !is_known(from, name) &&
         std::any_of(all.begin(), all.end(), [&](const Attribute& a) { return a.name.starts_with(name); });
}

std::optional<At> first_unreadable(const Outline& outline, const std::vector<Statement>& statements) {
  for (At at = 0; at < statements.size(); ++at) {
    const auto& s = statements[at];
    if (s.broken.empty() && !s.words.empty() && begins_a_command(s.words[0]) && !is_command(s.words[0])) return at;
  }
  for (const At at : outline.outside) {
    const auto& s = statements[at];
    if (s.words.empty() || s.words[0] == "next" || s.words[0] == "end" || s.words[0] == "abort") continue;
    if (is_command(s.words[0])) return at;
  }
  return {};
}

std::optional<At> first_shortened(const Block& block, const Table& table) { return first_in(block, table, block.table); }

}  // namespace postern::gateway::config::fortios
