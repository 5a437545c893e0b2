#pragma once
// What a draft changes of a tag, member by member.
#include <boost/json/fwd.hpp>
#include <string>
#include <vector>

#include "cli/tag_schema.h"

namespace postern::cli {

struct Difference {
  std::string where;   ///< "message", "rule 2 severity", "logic linux".
  std::string before;  ///< In a line; empty: it was not there.
  std::string after;   ///< Empty: it goes.
};

/// Empty: they say the same.
std::vector<Difference> differences(const TagSchema& schema, const boost::json::object& before,
                                    const boost::json::object& after);

/// "linux file, paths=/etc/x": a rule without its number, in a line.
std::string rule_text(const boost::json::value& rule);

}  // namespace postern::cli
