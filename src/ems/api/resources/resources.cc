#include "ems/api/resources/resources.h"

namespace postern::ems::api {

std::vector<Resource> all_resources() {
  return {auth_resource(),             administrators_resource(), tokens_resource(),
          ems_resource(),              invitations_resource(),    endpoints_resource(),
          endpoint_actions_resource(), endpoint_why_resource(),   tags_resource(),
          fabric_devices_resource(),   profiles_resource(),       certificates_resource(),
          feeds_resource(),            audit_resource(),          changes_resource(),
          openapi_resource(),          pages_resource()};
}

}  // namespace postern::ems::api
