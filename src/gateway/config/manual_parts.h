#pragma once
// What both forms of the manual say. Thread: any.
#include <functional>
#include <string>

#include "gateway/config/schema.h"

namespace postern::gateway::config {

/// What may stand there: a type or a range; options are listed apart.
std::string manual_values(const Attribute& attribute);
/// Is it a plain yes or no?
bool is_toggle(const Attribute& attribute);
/// "disable", or what stands for nothing.
std::string manual_default(const Attribute& attribute);
/// "One or more values. Required. …": what is particular about it; empty: nothing.
std::string manual_remarks(const Attribute& attribute);

/// Those in force, those that take only their default, those that the gateway finds out itself.
enum class ManualKind { kInForce, kOnlyDefault, kFound };
ManualKind manual_kind(const Attribute& attribute);

/// What `show` would print of a built-in entry: "protocol IP"; empty: nothing.
std::string manual_built_in(const Object& object);
/// "What is not written is as it is by default.": key and order of a table.
std::string manual_keys(const Table& table);

}  // namespace postern::gateway::config
