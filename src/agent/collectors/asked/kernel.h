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

}  // namespace postern::agent
