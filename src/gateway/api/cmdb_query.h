#pragma once
// Which entries of a table a GET is to give, and what of them: ?filter=, ?start=, ?count=, ?format=.
#include <boost/json/fwd.hpp>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "gateway/config/schema.h"

namespace postern::gateway::api {

/// "name==web", "name!=web", "comment=@part" (contains), "comment!@part".
struct Filter {
  std::string field, value;
  bool negate = false;
  bool contains = false;
};

struct ListQuery {
  std::vector<Filter> filters;  ///< Given with commas between them: one is enough.
  std::size_t start = 0;
  std::optional<std::size_t> count;
  std::vector<std::string> format;  ///< Empty: everything.

  bool keeps(const boost::json::object& entry) const;
  /// Only what `format` names.
  void project(boost::json::object& entry) const;
};

/// Errors: kInvalidArgument; a parameter that is not known is one, because leaving it out of account would give more
/// than was asked for. Those that have no meaning here (vdom, global, datasource, with_meta, skip) are taken.
Result<ListQuery> read_list_query(const config::Table& table, const std::map<std::string, std::string>& query);

}  // namespace postern::gateway::api
