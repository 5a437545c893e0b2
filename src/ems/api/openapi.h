#pragma once
// The OpenAPI 3.1 document, assembled from the routes' own descriptions: what is served and what is described cannot
// come apart.
#include <string>
#include <string_view>
#include <vector>

#include "ems/api/route.h"

namespace postern::ems::api {

/// JSON text. Only routes under /api/ are in it. Throws std::logic_error when a resource's schemas are not JSON, two
/// resources define one component, or a route refers to a component that nobody defines.
std::string openapi_document(const std::vector<Resource>& resources, std::string_view version);

}  // namespace postern::ems::api
