#pragma once
// What the monitors of the whole configuration and of its history share.
#include <boost/json/fwd.hpp>

#include "gateway/api/monitor/monitor.h"
#include "gateway/config/backup.h"

namespace postern::gateway::api::monitors {

/// The revision that the body's or the query's `config_id` names. Errors: kInvalidArgument, kNotFound.
Result<std::uint64_t> config_id(const CallPtr& call, std::string_view text);

/// A whole configuration as a file to keep: without an envelope. Not for those who may not see secrets.
void reply_file(const CallPtr& call, std::string text, std::string_view name);

/// Commits and answers; what is wrong with the replacement is answered with every line.
void replace_and_reply(const CallPtr& call, const config::Replacement& replacement, config::Author author);

}  // namespace postern::gateway::api::monitors
