// GET /api/v1/openapi.json
#include "ems/api/call.h"
#include "ems/api/resources/resources.h"
#include "ems/api/services.h"

namespace postern::ems::api {
namespace {

void document(const CallPtr& call) {
  net::HttpResponse response;
  response.headers.add("Content-Type", "application/json");
  response.body = call->services.openapi;
  call->reply(std::move(response));
}

}  // namespace

Resource openapi_resource() {
  return {.name = "openapi",
          .description = "This document",
          .routes = {{.method = "GET",
                      .path = "/api/v1/openapi.json",
                      .role = Role::kAnyone,
                      .handler = document,
                      .summary = "The OpenAPI 3.1 description of this API",
                      .result = "OpenApi"}},
          .schemas = R"({"OpenApi": {"type": "object", "required": ["openapi", "info", "paths"]}})"};
}

}  // namespace postern::ems::api
