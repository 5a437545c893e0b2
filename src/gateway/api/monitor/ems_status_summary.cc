#include <boost/json.hpp>

#include "gateway/api/monitor/monitor.h"

namespace postern::gateway::api::monitors {
namespace {

namespace json = boost::json;

void get_ems_status_summary(const CallPtr& call, const json::object&) {
  json::array all;
  for (const auto& c : call->services.operations.connectors()) {
    all.push_back({{"id", c.id},
                   {"name", c.name},
                   {"cert_status", c.confirmed() ? "verified" : "unverified"},
                   {"conn_status", c.channel_state}});
  }
  call->reply_results(std::move(all));
}

}  // namespace

Monitor ems_status_summary() { return {"GET", "endpoint-control/ems/status-summary", {}, {}, get_ems_status_summary}; }

}  // namespace postern::gateway::api::monitors
