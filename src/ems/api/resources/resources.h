#pragma once
// The one list of all resources: what is not in it is not served. Every file <noun>.cc of this folder defines
// <noun>_resource(); the build lists them (postern_listed in CMakeLists.txt).
#include <vector>

#include "ems/api/route.h"

namespace postern::ems::api {

#define POSTERN_LISTED(noun) Resource noun##_resource();
#include "listed/ems_resources.inc"
#undef POSTERN_LISTED

std::vector<Resource> all_resources();  ///< By file name.

}  // namespace postern::ems::api
