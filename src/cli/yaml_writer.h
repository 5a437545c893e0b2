#pragma once
// JSON as YAML that parse_yaml reads back as the same, laid out for people and for version control: one member a line,
// in the order given, quotes only where they are needed.
#include <boost/json/fwd.hpp>
#include <string>

namespace postern::cli {

/// One document without `---`. `value` is an object or a list; lists of short texts stand in one line.
std::string print_yaml(const boost::json::value& value);

}  // namespace postern::cli
