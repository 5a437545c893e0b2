#pragma once
// The one list of all resources: what is not in it is not served.
#include <vector>

#include "ems/api/route.h"

namespace postern::ems::api {

Resource auth_resource();
Resource administrators_resource();
Resource tokens_resource();
Resource ems_resource();
Resource invitations_resource();
Resource endpoints_resource();
Resource endpoint_actions_resource();
Resource endpoint_why_resource();
Resource tags_resource();
Resource fabric_devices_resource();
Resource profiles_resource();
Resource certificates_resource();
Resource feeds_resource();
Resource audit_resource();
Resource changes_resource();
Resource openapi_resource();
Resource pages_resource();

std::vector<Resource> all_resources();

}  // namespace postern::ems::api
