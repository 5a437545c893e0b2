// Precompiled for sim_test (tools/cmake/Precompiled.cmake); no file includes it.
#include "test.h"

#include "ems/core/ems_core.h"
#include "gateway/core/gateway_core.h"
#include "wire/fabric.pb.h"
