// Precompiled for ems_test (tools/cmake/Precompiled.cmake); no file includes it.
#include "test.h"

#include "ems/api/api_lab.h"
