#pragma once
// /api/v2/cmdb/…/<entry>/<list>[/<name>]: one name of an entry's list, without a word about the others, such as one tag
// of a policy.
//
//   GET     the list, or the member: {"name": …}
//   POST    to the list: another member, at its end; one that is there is refused
//   PUT     to a member: is it there? Changes nothing
//   DELETE  a member; one that is not there answers 404
#include "gateway/api/call.h"
#include "gateway/api/cmdb_address.h"

namespace postern::gateway::api {

/// `at.list` is set.
void serve_members(const CallPtr& call, const Address& at);

}  // namespace postern::gateway::api
