#pragma once
// What saving a draft would do, in words.
#include <boost/json/fwd.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/command.h"
#include "cli/tag_files.h"

namespace postern::cli {

/// Asks for the numbers, and for the UIDs of `listed` endpoints of each kind. Errors: the EMS's, such as an invalid
/// draft.
Result<boost::json::value> ask_what_if(Session& session, const boost::json::object& draft, std::size_t listed);
/// The same of several that are saved together, as they stand together then: what a dry run of apply says of them.
Result<boost::json::value> ask_what_if(Session& session, const std::vector<Draft>& drafts, std::size_t listed);

/// The same of what is saved and removed together: {"tags": [...], "remove": [names]}.
Result<boost::json::value> ask_together(Session& session, const boost::json::object& wanted, std::size_t listed);

/// Does an endpoint lose the tag or become unknown, or is a live session cut? Those that refer to it included.
bool takes_away(const boost::json::value& what_if);
/// Does an endpoint gain the tag, or one that refers to it? Policies that demand it let it through then.
bool grants(const boost::json::value& what_if);
/// Does one that was unknown become absent, here or in one that refers to it, or does the tag count again? Policies that
/// deny by it let it through then.
bool clears(const boost::json::value& what_if);
/// Do policies that deny by the tag make something else of unknown?
bool reads_unknown_otherwise(const boost::json::value& what_if);

/// Lines such as "2 endpoints would gain it: laptop7, laptop8", with the names of the first `named` of each.
Result<std::vector<std::string>> what_if_lines(Session& session, const boost::json::value& what_if, std::size_t named);

/// "warning: …": what the EMS takes and thinks is not meant.
std::vector<std::string> warning_lines(const Session& session, const boost::json::value& answer);

/// The same of what changes besides: the tags that refer to those, and live sessions. Of one tag's answer or of a set's.
Result<std::vector<std::string>> besides_lines(Session& session, const boost::json::value& what_if, std::size_t named);

}  // namespace postern::cli
