#include <gtest/gtest.h>

#include "agent/collectors/asked/asked_lab.h"

namespace postern::agent {
namespace {

using HardwareSerial = AskedLab;

TEST_F(HardwareSerial, IsWhatTheFirmwareSays) {
  EXPECT_EQ(said(keys::kHardwareSerial), "unknown: unsupported");
  put("sys/class/dmi/id/product_serial", "5CG1234XYZ\n");
  EXPECT_EQ(said(keys::kHardwareSerial), "5CG1234XYZ");
  put("sys/class/dmi/id/product_serial", "To Be Filled By O.E.M.\n");
  EXPECT_EQ(said(keys::kHardwareSerial), "unknown: unsupported");
}

}  // namespace
}  // namespace postern::agent
