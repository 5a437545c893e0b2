// PUT /api/v1/endpoints/{uid}/classifications: the classification tags that are given to an endpoint by hand.
#include "ems/api/endpoint_json.h"
#include "ems/api/handling.h"
#include "ems/api/resources/resources.h"
#include "ems/api/services.h"

namespace postern::ems::api {
namespace {

void classify_endpoint(const CallPtr& call) {
  const auto endpoint = find_endpoint(call);
  if (!endpoint) return call->fail(endpoint.error());
  const auto uid = (*endpoint)->uid;
  call->services.core.classify(now_of(call), actor_of(call), uid, call->texts("tags").value_or(std::vector<std::string>()),
                               done_showing(call, [call, uid] {
                                 const EmsCore& core = call->services.core;
                                 const Endpoint* now = core.endpoint(uid);
                                 return now == nullptr ? boost::json::object() : endpoint_json(core, *now);
                               }));
}

}  // namespace

Resource endpoint_classifications_resource() {
  return {.name = "endpoint classifications",
          .description = "Classification tags without rules are given by hand",
          .routes = {{.method = "PUT",
                      .path = "/api/v1/endpoints/{uid}/classifications",
                      .handler = classify_endpoint,
                      .summary = "Give exactly these classification tags; an empty list takes all away",
                      .body_kind = BodyKind::kFields,
                      .body = {{.name = "tags", .type = FieldType::kTexts, .required = true, .max = 64}},
                      .result = "Endpoint"}}};
}

}  // namespace postern::ems::api
