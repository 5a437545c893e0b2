#pragma once
// Reading what the EMS answered: a member that is missing, null or of another kind is simply empty. Another version of
// the EMS may say more or less than this one.
#include <boost/json/fwd.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace postern::cli {

/// nullptr: not there, or null.
const boost::json::value* member(const boost::json::value& of, std::string_view name);
std::string text_at(const boost::json::value& of, std::string_view name);  ///< Empty when there is none.
std::optional<std::int64_t> number_at(const boost::json::value& of, std::string_view name);
std::optional<bool> bool_at(const boost::json::value& of, std::string_view name);
bool is_true(const boost::json::value& of, std::string_view name);
std::optional<WallTime> time_at(const boost::json::value& of, std::string_view name);
/// Empty when there is none.
const boost::json::array& list_at(const boost::json::value& of, std::string_view name);
std::vector<std::string> texts_at(const boost::json::value& of, std::string_view name);

std::string plain(const boost::json::string& text);
/// A value in a line, for people: texts without quotes, lists with commas, objects as name=value.
std::string in_a_line(const boost::json::value& value);
/// How many there are as "12", or the dash's place (empty) when nobody knows.
std::string count_at(const boost::json::value& of, std::string_view name);

}  // namespace postern::cli
