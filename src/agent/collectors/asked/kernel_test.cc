#include "agent/collectors/asked/kernel.h"

#include <gtest/gtest.h>

#include "agent/collectors/asked/asked_lab.h"

namespace postern::agent {
namespace {

TEST(Kernels, HaveFlavoursThatAreNeverUpdatedToAnother) {
  EXPECT_EQ(kernel_flavour("6.1.0-9-amd64"), "amd64");
  EXPECT_EQ(kernel_flavour("6.1.0-9-cloud-amd64"), "cloud-amd64");
  EXPECT_EQ(kernel_flavour("5.15.0-76-generic"), "generic");
  EXPECT_EQ(kernel_flavour("6.5.6-300.fc39.x86_64"), "");
  EXPECT_EQ(kernel_flavour("6.7.0-rc1-amd64"), "amd64");
  EXPECT_EQ(kernel_flavour(""), "");
}

TEST(Kernels, AreOrderedByTheirNumbers) {
  EXPECT_TRUE(older_kernel("6.1.0-9-amd64", "6.1.0-10-amd64"));
  EXPECT_FALSE(older_kernel("6.1.0-10-amd64", "6.1.0-9-amd64"));
  EXPECT_TRUE(older_kernel("6.7.0-rc8", "6.7.0"));
  EXPECT_EQ(newest_kernel({"6.1.0-10-amd64", "6.1.0-9-amd64", "6.9.0-1-rt-amd64"}, "6.1.0-9-amd64"), "6.1.0-10-amd64");
  EXPECT_EQ(newest_kernel({"6.1.0-10-amd64", "6.9.0-1-rt-amd64"}, ""), "6.9.0-1-rt-amd64");
  EXPECT_EQ(newest_kernel({}, "6.1.0-9-amd64"), "");
}

class KernelFamily : public AskedLab {
 protected:
  void run(const std::string& release) { put("proc/sys/kernel/osrelease", release + "\n"); }
};

TEST_F(KernelFamily, AnOlderKernelThanTheNewestOfItsKindNeedsAReboot) {
  put("boot/vmlinuz-6.1.0-9-amd64", "x");
  put("boot/vmlinuz-6.1.0-10-amd64", "x");
  put("boot/vmlinuz-6.1.0-11-cloud-amd64", "x");
  put("boot/vmlinuz-0-rescue-0123456789abcdef", "x");
  run("6.1.0-9-amd64");
  EXPECT_EQ(said(keys::kKernelNewest), "6.1.0-10-amd64");
  EXPECT_EQ(said(keys::kRebootNeeded), "yes");
  run("6.1.0-10-amd64");
  EXPECT_EQ(said(keys::kRebootNeeded), "no");
  put("run/reboot-required", "*** System restart required ***\n");
  EXPECT_EQ(said(keys::kRebootNeeded), "unknown: unsupported");  // whether it is of this start nobody says
  started(SystemClock().now().wall);
  EXPECT_EQ(said(keys::kRebootNeeded), "yes");
  started(SystemClock().now().wall + Seconds(3600));
  EXPECT_EQ(said(keys::kRebootNeeded), "unknown: unsupported");
}

TEST_F(KernelFamily, AKernelOfNoPackageIsNotJudged) {
  put("boot/vmlinuz-6.1.0-10-amd64", "x");
  run("6.18.44-fc-v595");
  EXPECT_EQ(said(keys::kKernelNewest), "6.1.0-10-amd64");
  EXPECT_EQ(said(keys::kRebootNeeded), "unknown: unsupported");
}

TEST_F(KernelFamily, ANewBuildOfTheSameReleaseNeedsARebootToo) {
  put("etc/os-release", "ID=debian\nVERSION_ID=12\n");
  put("boot/vmlinuz-6.1.0-9-amd64", "x");
  run("6.1.0-9-amd64");
  put("proc/version", "Linux version 6.1.0-9-amd64 (x) #1 SMP Debian 6.1.27-1 (2023-05-08)\n");
  const auto install = [&](const char* version) {
    put("var/lib/dpkg/status",
        "Package: linux-image-6.1.0-9-amd64\nStatus: install ok installed\nArchitecture: amd64\n"
        "Source: linux-signed-amd64\nVersion: " + std::string(version) + "\n\n");
  };
  install("6.1.27-1");
  EXPECT_EQ(said(keys::kRebootNeeded), "no");
  install("6.1.38-1");
  EXPECT_EQ(said(keys::kRebootNeeded), "yes");
}

TEST_F(KernelFamily, ImagesWithoutANumberAreFoundByTheirModules) {
  put("boot/vmlinuz-lts", "x");
  put("lib/modules/6.6.32-0-lts/modules.dep", "x");
  put("lib/modules/6.6.40-0-lts/modules.dep", "x");
  put("lib/modules/6.9.9-0-lts/leftover", "x");
  run("6.6.32-0-lts");
  EXPECT_EQ(said(keys::kKernelNewest), "6.6.40-0-lts");
  EXPECT_EQ(said(keys::kRebootNeeded), "yes");
}

TEST_F(KernelFamily, AnImageOfADiskHasNoRunningKernel) {
  EXPECT_EQ(said(keys::kKernelNewest), "unknown: unsupported");
  EXPECT_EQ(said(keys::kRebootNeeded), "unknown: unsupported");
  EXPECT_EQ(ask(keys::kRebootNeeded).source, kForeignRoot);
}

}  // namespace
}  // namespace postern::agent
