#include "gateway/shell/device.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "base/file.h"

namespace postern::gateway {
namespace {

TEST(Device, WhatOthersMayReadOrChangeIsNamed) {
  char name[] = "/tmp/postern-device-XXXXXX";
  const std::filesystem::path dir = ::mkdtemp(name);
  for (const char* file : {"device.key", "factory.key", "gateway.conf", "traffic.log"}) {
    ASSERT_TRUE(write_file_atomic(dir / file, "x", 0600));
  }
  EXPECT_THAT(exposed_files(dir), testing::IsEmpty());
  ASSERT_EQ(chmod((dir / "traffic.log").c_str(), 0644), 0);  // no secret
  ASSERT_EQ(chmod(dir.c_str(), 0755), 0);
  EXPECT_THAT(exposed_files(dir), testing::IsEmpty());
  ASSERT_EQ(chmod((dir / "device.key").c_str(), 0640), 0);
  ASSERT_EQ(chmod((dir / "gateway.conf").c_str(), 0602), 0);
  ASSERT_EQ(chmod(dir.c_str(), 0770), 0);
  EXPECT_THAT(exposed_files(dir), testing::ElementsAre(dir.native(), (dir / "device.key").native(), (dir / "gateway.conf").native()));
  std::filesystem::remove_all(dir);
}

}  // namespace
}  // namespace postern::gateway
