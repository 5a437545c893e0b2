#pragma once
// How every change of the configuration ends: committed, or refused with what was wrong.
#include "gateway/api/call.h"
#include "gateway/api/cmdb_address.h"

namespace postern::gateway::api {

/// Identifies a top-level table's content.
std::string revision_of(const config::ConfigTree& tree, const Address& at);

/// Commits what is staged and answers: `revision_changed`, what else changed with it, or why not. `invalid`: the number
/// of the error when the configuration as a whole would not be right.
void commit(const CallPtr& call, const Address& at, const config::Transaction& transaction,
            ErrorNumber invalid = ErrorNumber::kBadValue);

/// A refused change: 424. 404 would say that there is nothing to change, and 500 that trying otherwise helps.
void refuse(const CallPtr& call, const Error& error, ErrorNumber invalid = ErrorNumber::kBadValue);
/// 404. `what` is described in the text; a change says that it changed nothing.
void not_there(const CallPtr& call, std::string_view what);
void not_there(const CallPtr& call, const Address& at);
/// 405.
void wrong_method(const CallPtr& call, std::string_view allowed, std::string_view why);

}  // namespace postern::gateway::api
