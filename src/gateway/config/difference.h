#pragma once
// What two configurations do not have in common, for people. Keys and hashes of passwords are never printed: what stands
// for them says whether they changed.
#include <string>

#include "gateway/config/tree.h"

namespace postern::gateway::config {

/// Lines as `show` prints them behind ' ' (where it is), '-' (only before) or '+' (only after); entries that stand
/// elsewhere in an ordered table as "move". Empty: the same content. `table`: of this top-level table only.
std::string print_difference(const ConfigTree& before, const ConfigTree& after, std::string_view table = {});

/// The first `most` lines, and how many were left out.
std::string first_lines(const std::string& text, std::size_t most);

/// One line: "firewall vip a changed, firewall policy 3 deleted and 2 more".
std::string summarise_difference(const ConfigTree& before, const ConfigTree& after);

/// A value as it may be shown to anybody who may see that there is one.
std::string masked_value(const Attribute& attribute, const Value& value);

}  // namespace postern::gateway::config
