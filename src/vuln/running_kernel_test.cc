#include "vuln/running_kernel.h"

#include <gtest/gtest.h>

namespace postern::vuln {
namespace {

constexpr const char* kDebian =
    "Linux version 6.1.0-37-amd64 (debian-kernel@lists.debian.org) (gcc-12 (Debian 12.2.0-14) 12.2.0) #1 SMP PREEMPT_DYNAMIC "
    "Debian 6.1.140-1 (2025-05-22)\n";

TEST(RunningKernel, OfEachDistributionSaysWhatItWasBuiltFrom) {
  EXPECT_EQ(debian_kernel_build(kDebian), "6.1.140-1");
  for (const char* other : {"", "#1 Debian \n", "Linux version 6.18.44-fc #1 SMP"}) EXPECT_EQ(debian_kernel_build(other), "") << other;
  EXPECT_EQ(ubuntu_kernel_build("Ubuntu 5.15.0-91.101-generic 5.15.131\n"), "5.15.0-91.101");
  EXPECT_EQ(ubuntu_kernel_build("Ubuntu 6.8.0-31.31~22.04.1-generic 6.8.1"), "6.8.0-31.31~22.04.1");
  for (const char* other : {"", "Ubuntu", "Ubuntu 5.15", "Ubuntu 5.15-generic", "Debian 6.1.0-1-x"})
    EXPECT_EQ(ubuntu_kernel_build(other), "") << other;
  EXPECT_EQ(alpine_kernel_build("6.6.31-0-lts"), "6.6.31-r0");
  for (const char* other : {"", "-", "lts", "6.6.31-lts", "6.6.31-x-lts", "-0-lts"}) EXPECT_EQ(alpine_kernel_build(other), "") << other;
}

struct Case {
  const char* what;
  Distro distro;
  Package installed;
  KernelSays kernel;
  Package then;
};

const Package kSignedImage{"linux-image-6.1.0-37-amd64", "amd64", "6.1.153-1", "linux-signed-amd64", "6.1.153+1"};
const Package kUnsigned{"linux-image-6.1.0-37-amd64-unsigned", "amd64", "6.1.153-1", "linux", "6.1.153-1"};
const Package kUbuntu{"linux-image-5.15.0-91-generic", "amd64", "5.15.0-91.105", "linux-signed", "5.15.0-91.105"};
const Package kAlpine{"linux-lts", "x86_64", "6.6.40-r0", "linux-lts", "6.6.40-r0"};

const Case kCases[] = {
    {"a signed image that was updated", {"debian", "12"}, kSignedImage, {"6.1.0-37-amd64", kDebian, ""},
     {"linux-image-6.1.0-37-amd64", "amd64", "6.1.140-1", "linux-signed-amd64", "6.1.153+1"}},
    {"an unsigned one", {"debian", "12"}, kUnsigned, {"6.1.0-37-amd64", kDebian, ""},
     {"linux-image-6.1.0-37-amd64-unsigned", "amd64", "6.1.140-1", "linux", "6.1.140-1"}},
    {"one that runs", {"debian", "12"}, {"linux-image-6.1.0-37-amd64", "amd64", "6.1.140-1", "linux-signed-amd64", "6.1.140+1"},
     {"6.1.0-37-amd64", kDebian, ""},
     {"linux-image-6.1.0-37-amd64", "amd64", "6.1.140-1", "linux-signed-amd64", "6.1.140+1"}},
    {"another than runs", {"debian", "12"}, kSignedImage, {"6.1.0-38-amd64", kDebian, ""}, kSignedImage},
    {"a kernel of one's own", {"debian", "12"}, kSignedImage, {"6.1.0-37-amd64", "Linux version 6.1.0-37-amd64 #1 SMP", ""}, kSignedImage},
    {"an image, which runs nothing", {"debian", "12"}, kSignedImage, {}, kSignedImage},
    {"Ubuntu's", {"ubuntu", "22.04"}, kUbuntu, {"5.15.0-91-generic", "", "Ubuntu 5.15.0-91.101-generic 5.15.131"},
     {"linux-image-5.15.0-91-generic", "amd64", "5.15.0-91.101", "linux-signed", "5.15.0-91.101"}},
    {"Alpine's", {"alpine", "3.19"}, kAlpine, {"6.6.31-0-lts", "", ""}, {"linux-lts", "x86_64", "6.6.31-r0", "linux-lts", "6.6.31-r0"}},
    {"Alpine's of another flavour", {"alpine", "3.19"}, kAlpine, {"6.6.31-0-virt", "", ""}, kAlpine},
};

TEST(RunningKernel, IsJudgedByWhatRunsAndNotByWhatWasInstalledSince) {
  const Package other{"zlib1g", "amd64", "1.2", "zlib", "1.2"};
  for (const auto& c : kCases) {
    Inventory inventory{c.distro, {c.installed, other}};
    put_running_kernel(inventory, c.kernel);
    EXPECT_EQ(inventory, (Inventory{c.distro, {c.then, other}})) << c.what;
  }
}

}  // namespace
}  // namespace postern::vuln
