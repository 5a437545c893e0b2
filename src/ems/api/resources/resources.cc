#include "ems/api/resources/resources.h"

namespace postern::ems::api {

std::vector<Resource> all_resources() {
  return {
#define POSTERN_LISTED(noun) noun##_resource(),
#include "listed/ems_resources.inc"
#undef POSTERN_LISTED
  };
}

}  // namespace postern::ems::api
