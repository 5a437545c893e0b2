#include <boost/json.hpp>

#include "gateway/api/monitor/monitor.h"

namespace postern::gateway::api::monitors {
namespace {

void get_ztna_sessions(const CallPtr& call, const boost::json::object&) {
  call->reply_results(boost::json::object{{"live", call->services.operations.system_status().live_sessions}});
}

}  // namespace

Monitor ztna_sessions() { return {"GET", "ztna/sessions", {}, {}, get_ztna_sessions}; }

}  // namespace postern::gateway::api::monitors
