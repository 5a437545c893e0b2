#include "vuln/kernel.h"

#include <gtest/gtest.h>

namespace postern::vuln {
namespace {

TEST(Kernel, SourcesOfKernelsAndOthers) {
  EXPECT_EQ(kernel_source("linux"), "linux");
  EXPECT_EQ(kernel_source("linux-signed-amd64"), "linux");
  EXPECT_EQ(kernel_source("linux-6.1"), "linux-6.1");
  EXPECT_EQ(kernel_source("linux-signed-6.1-arm64"), "linux-6.1");
  for (const char* other : {"", "linux-", "linux-base", "linux-atm", "linuxinfo", "linux-6", "linux-.1",
                            "util-linux", "firmware-linux", "linux-6.1x"})
    EXPECT_EQ(kernel_source(other), "") << other;
}

TEST(Kernel, ASignedImageIsJudgedByTheKernelItWraps) {
  EXPECT_EQ(kernel_source_version({"linux-image-6.1.0-37-amd64", "amd64", "6.1.140-1",
                                   "linux-signed-amd64", "6.1.140+1"}),
            "6.1.140-1");
  EXPECT_EQ(kernel_source_version({"linux-image-6.1.0-37-amd64-unsigned", "amd64", "6.1.140-1+b1",
                                   "linux", "6.1.140-1"}),
            "6.1.140-1");
}

TEST(Kernel, AnImageIsOfTheReleaseThatItsNameEndsWith) {
  EXPECT_TRUE(is_image_of("linux-image-6.1.0-9-amd64", "6.1.0-9-amd64"));
  EXPECT_TRUE(is_image_of("linux-image-6.1.0-9-amd64-unsigned", "6.1.0-9-amd64"));
  for (const char* name : {"linux-image-6.1.0-9-amd64-dbg", "linux-image-6.1.0-9", "linux-headers-6.1.0-9-amd64", "linux-image-"})
    EXPECT_FALSE(is_image_of(name, "6.1.0-9-amd64")) << name;
  EXPECT_FALSE(is_image_of("linux-image-", ""));
  EXPECT_TRUE(is_kernel_image({"linux-image-6.1.0-9-amd64", "amd64", "1", "linux-signed-amd64", "1"}));
  EXPECT_FALSE(is_kernel_image({"linux-headers-6.1.0-9-amd64", "amd64", "1", "linux", "1"}));
  EXPECT_FALSE(is_kernel_image({"linux-image-own", "amd64", "1", "mykernel", "1"}));
}

}  // namespace
}  // namespace postern::vuln
