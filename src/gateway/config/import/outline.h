#pragma once
// The statements of a FortiGate's configuration as the blocks that they stand in: config … edit … next … end. Thread: any.
#include <string>
#include <vector>

#include "gateway/config/import/reader.h"
#include "gateway/config/schema.h"

namespace postern::gateway::config::fortios {

/// A place in Source::statements.
using At = std::size_t;

struct Setting {
  At at = 0;
  std::string command;  ///< set, unset or append.
  std::string name;
  Value values;
};

struct Block;
/// From `edit` to `next`; of a table without entries, its only content.
struct Entry {
  std::string key;
  At at = 0;
  std::vector<Setting> settings;
  std::vector<Block> blocks;
  std::vector<At> frame;    ///< edit, next.
  std::vector<At> strange;  ///< Statements that no `show` prints, or that can't be read.
  bool closed = false;      ///< Else lines may be lost.
};

/// From `config` to `end`.
struct Block {
  std::string table;  ///< "firewall policy"; nested: "api-gateway".
  std::string vdom;   ///< Empty: global, or a configuration without virtual domains.
  At at = 0;
  std::vector<Entry> entries;
  Entry body;               ///< What stands in no entry.
  std::vector<At> frame;    ///< config, end.
  std::vector<At> strange;
};

struct Outline {
  std::vector<Block> blocks;
  std::vector<At> scopes;   ///< config global, config vdom and what belongs to them.
  std::vector<At> outside;  ///< What stands in no table.
};

/// Deeper nesting than any table has is strange.
inline constexpr std::size_t kMaxDepth = 8;

Outline outline_of(const std::vector<Statement>& statements);

/// Every statement of it, nested ones included, in no order.
void collect(const Entry& entry, std::vector<At>& out);
void collect(const Block& block, std::vector<At>& out);

}  // namespace postern::gateway::config::fortios
