#pragma once
// What commands that show a list have in common: how many are asked for, and the word about those that are not shown.
#include <boost/json/fwd.hpp>
#include <string>
#include <string_view>

#include "cli/command.h"
#include "cli/table.h"

namespace postern::cli {

/// --limit and --all.
std::vector<Option> limit_options(std::size_t limit);
/// Asks for as many as wanted.
Result<boost::json::value> ask_list(Session& session, const std::string& path, const Query& query, std::size_t limit);
/// Prints the table, or that there are no `things`; on standard error, that there are more.
int print_list(Session& session, const boost::json::value& page, const Table& table, std::string_view things);

/// "5 min", or the dash.
std::string since(const Session& session, const boost::json::value& of, std::string_view name);
/// "2026-11-26 10:00:03", or the dash.
std::string when(const Session& session, const boost::json::value& of, std::string_view name);
/// What became of something, in a line: "os.version_id 12 → 13, host.name vm"; other forms as name=value.
std::string change_text(const Look& look, const boost::json::value& change);
std::string or_dash(const Session& session, std::string text);

/// Lines "label   value", the labels padded to one width, values wrapped; what is empty is left out.
class Details {
 public:
  void add(std::string label, std::string value, Style style = Style::kPlain);
  std::string text(const Look& look) const;

 private:
  struct Line {
    std::string label, value;
    Style style;
  };
  std::vector<Line> lines_;
};

}  // namespace postern::cli
