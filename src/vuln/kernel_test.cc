#include "vuln/kernel.h"

#include <gtest/gtest.h>

namespace postern::vuln {
namespace {

TEST(Kernel, SourcesOfKernelsAndOthers) {
  const std::pair<const char*, const char*> kernels[] = {
      {"linux", "linux"},  // Debian
      {"linux-signed-amd64", "linux"},
      {"linux-6.1", "linux-6.1"},
      {"linux-signed-6.1-arm64", "linux-6.1"},
      {"linux-signed", "linux"},  // Ubuntu
      {"linux-signed-hwe-6.5", "linux-hwe-6.5"},
      {"linux-hwe-6.5", "linux-hwe-6.5"},
      {"linux-signed-aws", "linux-aws"},
      {"kernel", "kernel"},  // Red Hat and its kin
      {"kernel-rt", "kernel-rt"},
      {"kernel-default", "kernel-default"},  // SUSE
      {"kernel-source", "kernel-source"},
      {"linux-lts", "linux-lts"},  // Alpine
  };
  for (const auto& [source, named] : kernels) EXPECT_EQ(kernel_source(source), named) << source;
  for (const char* other : {"", "linux-", "linux-base", "linux-atm", "linuxinfo", "linux-6", "linux-.1", "util-linux",
                            "firmware-linux", "linux-6.1x", "linux-signedx", "linux-firmware", "linuxptp",
                            "linux-headers", "kernel-firmware", "kernel-srpm-macros", "kerneloops"})
    EXPECT_EQ(kernel_source(other), "") << other;
}

TEST(Kernel, ASignedImageIsJudgedByTheKernelItWraps) {
  EXPECT_EQ(
      kernel_source_version({"linux-image-6.1.0-37-amd64", "amd64", "6.1.140-1", "linux-signed-amd64", "6.1.140+1"}),
      "6.1.140-1");
  EXPECT_EQ(
      kernel_source_version({"linux-image-6.1.0-37-amd64-unsigned", "amd64", "6.1.140-1+b1", "linux", "6.1.140-1"}),
      "6.1.140-1");
}

TEST(Kernel, AnImageTellsWhatUnameSaysWhileItRuns) {
  const auto release = [](std::string name, std::string version, std::string source, std::string arch = "x86_64") {
    return kernel_release({std::move(name), std::move(arch), version, std::move(source), version});
  };
  EXPECT_EQ(release("linux-image-6.1.0-9-amd64", "6.1.27-1", "linux-signed-amd64"), "6.1.0-9-amd64");
  EXPECT_EQ(release("linux-image-6.1.0-9-amd64-unsigned", "6.1.27-1", "linux"), "6.1.0-9-amd64");
  EXPECT_EQ(release("linux-image-6.1.0-9-amd64-dbg", "6.1.27-1", "linux"), "6.1.0-9-amd64-dbg");
  EXPECT_EQ(release("linux-headers-6.1.0-9-amd64", "6.1.27-1", "linux"), "");
  EXPECT_EQ(release("linux-image-", "1", "linux"), "");
  EXPECT_EQ(release("linux-image-own", "1", "mykernel"), "");
  EXPECT_EQ(release("linux-image-unsigned-6.5.0-14-generic", "6.5.0-14.14", "linux"), "6.5.0-14-generic");
  EXPECT_EQ(release("linux-image-6.5.0-14-generic", "6.5.0-14.14~22.04.1", "linux-signed-hwe-6.5"), "6.5.0-14-generic");
  EXPECT_EQ(release("kernel-core", "5.14.0-427.13.1.el9_4", "kernel"), "5.14.0-427.13.1.el9_4.x86_64");
  EXPECT_EQ(release("kernel", "0:3.10.0-1160.el7", "kernel"), "3.10.0-1160.el7.x86_64");
  EXPECT_EQ(release("kernel-64k-core", "5.14.0-427.el9", "kernel", "aarch64"), "5.14.0-427.el9.aarch64+64k");
  EXPECT_EQ(release("kernel-rt-core", "5.14.0-427.el9", "kernel"), "5.14.0-427.el9.x86_64+rt");
  EXPECT_EQ(release("kernel-rt-core", "4.18.0-553.rt7.342.el8_10", "kernel-rt"), "4.18.0-553.rt7.342.el8_10.x86_64");
  EXPECT_EQ(release("kernel-headers", "5.14.0-427.el9", "kernel"), "");
  EXPECT_EQ(release("bpftool", "7.3.0-427.el9", "kernel"), "");
  EXPECT_EQ(release("kernel-default", "6.4.0-150600.23.7.3", "kernel-default"), "6.4.0-150600.23.7-default");
  EXPECT_EQ(release("kernel-default-devel", "6.4.0-150600.23.7.3", "kernel-default"), "");
  EXPECT_EQ(release("linux-virt", "6.6.32-r0", "linux-lts"), "6.6.32-0-virt");
  EXPECT_EQ(release("linux-lts-dev", "6.6.32-r0", "linux-lts"), "");
  EXPECT_EQ(release("linux-libc-dev", "6.1.140-1", "linux"), "");
}

}  // namespace
}  // namespace postern::vuln
