#pragma once
// `tree`: everything that can be configured, at a glance.
#include <string>

#include "gateway/config/schema.h"

namespace postern::gateway::cli {

/// The table with its attributes and the tables in it, indented; a key is marked by *.
std::string print_schema(const config::Table& table);
/// All tables.
std::string print_schema(const config::Schema& schema);

}  // namespace postern::gateway::cli
