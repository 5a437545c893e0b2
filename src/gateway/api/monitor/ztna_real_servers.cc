#include <boost/json.hpp>

#include "gateway/api/monitor/monitor.h"

namespace postern::gateway::api::monitors {
namespace {

namespace json = boost::json;

void get_ztna_real_servers(const CallPtr& call, const json::object&) {
  json::array out;
  for (const auto& s : call->services.operations.real_servers()) {
    out.push_back(json::object{{"access_proxy", s.access_proxy},
                               {"api_gateway", s.api_gateway},
                               {"ldb_method", s.method},
                               {"server", s.server},
                               {"mode", s.standby ? "standby" : "active"},
                               {"weight", s.weight},
                               {"http_host", s.host},
                               {"health_check", s.check},
                               {"status", s.state},
                               {"reason", s.why},
                               {"since", to_unix_ms(s.since) / 1000},
                               {"takes_requests", s.takes_requests},
                               {"requests", s.requests},
                               {"failures", s.failures},
                               {"in_use", s.in_use}});
  }
  call->reply_results(std::move(out));
}

}  // namespace

Monitor ztna_real_servers() { return {"GET", "ztna/real-servers", {}, {}, get_ztna_real_servers}; }

}  // namespace postern::gateway::api::monitors
