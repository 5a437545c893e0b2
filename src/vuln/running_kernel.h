#pragma once
// The kernel that runs is not always the one that is installed: an update in place takes effect at the next start only.
#include <string>
#include <string_view>

#include "vuln/inventory.h"

namespace postern::vuln {

/// The distribution's version of the running kernel; empty for any other kernel. Debian says it in /proc/version ("… #1 SMP
/// PREEMPT_DYNAMIC Debian 6.1.27-1 (2023-05-08)" is "6.1.27-1"), Ubuntu in /proc/version_signature ("Ubuntu
/// 5.15.0-91.101-generic 5.15.131" is "5.15.0-91.101"), Alpine in its release ("6.6.31-0-lts" is "6.6.31-r0").
std::string debian_kernel_build(std::string_view proc_version);
std::string ubuntu_kernel_build(std::string_view version_signature);
std::string alpine_kernel_build(std::string_view release);

/// What the kernel tells of itself; texts may be empty.
struct KernelSays {
  std::string release;            ///< uname -r
  std::string version;            ///< /proc/version
  std::string version_signature;  ///< /proc/version_signature
};

/// Gives the running kernel's package, which keeps its name over updates, the version that runs. Other packages, and
/// kernels that no installed package holds, stay as they are.
void put_running_kernel(Inventory& inventory, const KernelSays& kernel);

}  // namespace postern::vuln
