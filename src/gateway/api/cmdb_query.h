#pragma once
// Which entries of a list a GET is to give, in which order, and what of them: ?filter=, ?sort=, ?start=, ?count=,
// ?format=. Pure.
#include <boost/json/fwd.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "gateway/config/schema.h"

namespace postern::gateway::api {

/// "name==web", "name!=web", "comment=@part" (contains), "comment!@part"; of whole numbers "port<=80", "<", ">=", ">".
struct Filter {
  enum class Test : std::uint8_t { kEqual, kUnequal, kContains, kLacks, kAtMost, kBelow, kAtLeast, kAbove };
  std::string field, value;
  Test test = Test::kEqual;
};

struct Sorting {
  std::string field;
  bool descending = false;
};

/// What a client may name besides; for the entries of a table: its members.
using KnownField = std::function<bool(std::string_view)>;

struct ListQuery {
  /// Of each list one is enough (?filter=a,b), and all lists count (?filter=a&filter=b).
  std::vector<std::vector<Filter>> filters;
  std::vector<Sorting> sorting;  ///< The first that tells two entries apart decides; numbers as numbers.
  std::size_t start = 0;
  std::optional<std::size_t> count;
  std::vector<std::string> format;  ///< Empty: everything.

  bool keeps(const boost::json::object& entry) const;
  /// Only what `format` names.
  void project(boost::json::object& entry) const;
  /// All of it, on a list of objects; anything else in the list stays. Returns how many the filters kept.
  std::size_t apply(boost::json::array& entries) const;
};

/// Takes what it knows from `query`: filter, sort, start, count, format; `more_filters` came beside its filter. Errors:
/// kInvalidArgument, naming the parameter; `whose` is said of a field that is not known.
Result<ListQuery> take_list_query(std::map<std::string, std::string>& query, const std::vector<std::string>& more_filters,
                                  const KnownField& known, std::string_view whose);

/// Of a table. Errors: kInvalidArgument; a parameter that is not known is one, because leaving it out of account would
/// give more than was asked for. Those that have no meaning here (vdom, global, datasource, with_meta, skip) are taken.
Result<ListQuery> read_list_query(const config::Table& table, std::map<std::string, std::string> query,
                                  const std::vector<std::string>& more_filters = {});

}  // namespace postern::gateway::api
