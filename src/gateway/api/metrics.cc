#include "gateway/api/metrics.h"

#include "gateway/api/cmdb_change.h"

namespace postern::gateway::api {

void serve_metrics(const CallPtr& call) {
  if (call->request.method != "GET") return wrong_method(call, "GET", "this address takes GET");
  if (!call->request.query.empty()) {
    return call->fail(400, ErrorNumber::kBadValue, "this address takes no parameters");
  }
  const std::string* accept = call->request.headers.find("Accept");
  const auto format = metrics::format_for(accept == nullptr ? std::string_view() : std::string_view(*accept));
  net::HttpResponse response;
  response.status = 200;
  response.headers.add("Content-Type", std::string(metrics::content_type(format)));
  response.body = call->services.operations.expose_metrics(format);
  call->reply_raw(std::move(response));
}

}  // namespace postern::gateway::api
