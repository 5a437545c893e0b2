#include <boost/json.hpp>

#include "base/log.h"
#include "gateway/api/monitor/monitor.h"

namespace postern::gateway::api::monitors {
namespace {

namespace json = boost::json;

void post_ems_unverify_cert(const CallPtr& call, const json::object& body) {
  const auto id = connector_of(call, body);
  if (!id) return call->fail(id.error());
  if (auto forgotten = call->services.operations.forget_certificate(*id, {call->who.name, "api"}); !forgotten)
    return call->fail(forgotten.error());
  log_info("connector.unaccepted", "the certificate of an EMS is no longer accepted",
           {{"by", call->who.name}, {"connector", std::to_string(*id)}});
  call->reply_results(json::object{{"status", "success"}, {"ems_id", *id}});
}

}  // namespace

Monitor ems_unverify_cert() {
  return {"POST", "endpoint-control/ems/unverify-cert", {}, {"ems_id"}, post_ems_unverify_cert};
}

}  // namespace postern::gateway::api::monitors
