// Precompiled for the modules that speak JSON (tools/cmake/Precompiled.cmake); no file includes it.
#include "base.h"

#include <boost/json.hpp>
