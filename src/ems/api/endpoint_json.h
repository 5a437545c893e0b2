#pragma once
// An endpoint as the API shows it. What is not known is null, never 0, "no" or empty.
#include <boost/json/fwd.hpp>
#include <string>
#include <string_view>

#include "base/result.h"
#include "ems/api/call.h"
#include "ems/core/ems_core.h"

namespace postern::ems::api {

boost::json::object endpoint_json(const EmsCore& core, const Endpoint& endpoint);

/// The OpenAPI component "Endpoint" and what it is made of.
std::string_view endpoint_schemas();

/// The endpoint that the path names by {uid}, in either case. Error: kNotFound.
Result<const Endpoint*> find_endpoint(const CallPtr& call);

}  // namespace postern::ems::api
