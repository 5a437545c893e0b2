#pragma once
// Texts that people typed and no `show` printed: words are shortened as far as a FortiGate takes them. What such words do
// isn't guessed at. Thread: any.
#include <optional>
#include <vector>

#include "gateway/config/import/outline.h"

namespace postern::gateway::config::fortios {

/// The first statement whose command is shortened, or that changes entries and stands in no table: its table's beginning
/// may be what is shortened, or lost.
std::optional<At> first_unreadable(const Outline& outline, const std::vector<Statement>& statements);
/// The first setting of a block of ours whose name is the beginning of one that we have.
std::optional<At> first_shortened(const Block& block, const Table& table);
/// Is the name the beginning of one of the table's, and no whole one?
bool is_shortened(const Table& table, std::string_view from, std::string_view name);

}  // namespace postern::gateway::config::fortios
