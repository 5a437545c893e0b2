#pragma once
// /api/v2/cmdb/<path>/<table>[/<mkey>[/<nested table>[/<mkey>]]…]: the configuration, as its schema describes it. The
// table "firewall service custom" is firewall.service/custom. One commit path with the command line.
//
//   GET     a table's entries, one entry, or the object of a table without a key; ?action=schema: its description
//   POST    a new entry (a number 0, or none, asks for a free one); one that exists is refused
//   PUT     what the body names is set, the rest stays (and so does what it names null); an entry that does not exist answers 404 and is not made;
//           ?action=move&before=|after=<mkey> moves it
//   DELETE  an entry; one that does not exist answers 404
//
// One name of a list: cmdb_members.h. Every change answers `revision_changed`: false when the configuration was so already.
#include <string_view>

#include "gateway/api/call.h"

namespace postern::gateway::api {

/// The call's address is below /api/v2/cmdb/. A key with a slash is one segment: 10.0.0.0%2F24.
void serve_cmdb(const CallPtr& call);

}  // namespace postern::gateway::api
