#pragma once
// Installed kernels beside the running one. Pure.
#include <string>
#include <string_view>
#include <vector>

namespace postern::agent {

/// The variant of a kernel, which is never updated to another: "6.1.0-9-cloud-amd64" is "cloud-amd64".
std::string kernel_flavour(std::string_view release);
/// Is `a` older than `b`? A release candidate is older than its release.
bool older_kernel(std::string_view a, std::string_view b);
/// The newest of the running kernel's variant; of all when none is of that variant or nothing runs; empty: there is none.
std::string newest_kernel(const std::vector<std::string>& installed, std::string_view running);
/// Debian's version of the running kernel, of /proc/version: "… #1 SMP PREEMPT_DYNAMIC Debian 6.1.27-1 (2023-05-08)" is
/// "6.1.27-1"; empty for any other kernel.
std::string parse_kernel_build(std::string_view proc_version);

}  // namespace postern::agent
