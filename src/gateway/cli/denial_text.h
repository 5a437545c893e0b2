#pragma once
// A line of the traffic log, for people.
#include <boost/json/fwd.hpp>
#include <string>
#include <string_view>

namespace postern::gateway::cli {

/// A member of the line as a text, a list with commas; empty: it is not there.
std::string denial_field(const boost::json::object& line, std::string_view name);
/// The whole of a denial or a cut, line by line.
std::string denial_text(const boost::json::object& line);

}  // namespace postern::gateway::cli
