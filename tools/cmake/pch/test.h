// Precompiled for the tests and fuzz harnesses (tools/cmake/Precompiled.cmake); no file includes it.
#include "json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
