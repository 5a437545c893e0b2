#pragma once
// For tests: a database as `dconf update` would compile it, but that each key stands whole, without parents.
#include <map>
#include <set>
#include <string>

#include "agent/collectors/desktop/gvdb.h"

namespace postern::agent {

using GvdbValues = std::map<std::string, GvdbValue>;

/// monostate becomes a text. `big`: of a machine of the other byte order. Without locks it has no table of them.
std::string compiled_database(const GvdbValues& values, const std::set<std::string>& locks = {}, bool big = false);

}  // namespace postern::agent
