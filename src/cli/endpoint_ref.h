#pragma once
// The endpoint that a person means: by UID, by the beginning of one, or by host name.
#include <boost/json/fwd.hpp>
#include <string>
#include <string_view>

#include "base/result.h"
#include "cli/command.h"

namespace postern::cli {

/// The endpoint's JSON. Of several with that host name the only registered one is meant. Errors: kNotFound (with what
/// comes close), kConflict (several; lists them).
Result<boost::json::value> find_endpoint(Session& session, std::string_view text);

/// "laptop7", or the UID where it has no name.
std::string endpoint_name(const boost::json::value& endpoint);

/// Names of the first `count` of these UIDs, asked for one by one; the UID itself where there is none.
Result<std::vector<std::string>> endpoint_names(Session& session, const boost::json::array& uids, std::size_t count);

}  // namespace postern::cli
