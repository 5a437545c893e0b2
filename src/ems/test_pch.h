#pragma once
// Precompiled for ems_test (tools/cmake/PosternModule.cmake); no file includes it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ems/api/api_lab.h"
