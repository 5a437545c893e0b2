#pragma once
// Kernel packages: which source their advisories name, the version to judge them by, and what they boot.
#include <string>
#include <string_view>

#include "vuln/inventory.h"

namespace postern::vuln {

/// The source that advisories name for a kernel package's source. Debian: "linux" for "linux" and "linux-signed-amd64",
/// "linux-6.1" for "linux-6.1" and "linux-signed-6.1-amd64"; Ubuntu: "linux-hwe-6.5" for "linux-signed-hwe-6.5";
/// Alpine: "linux-lts"; rpm: "kernel", "kernel-rt", SUSE's "kernel-default" and those beside it. Empty for every other
/// source, also for "linux-base", "kernel-firmware" and the like.
std::string kernel_source(std::string_view source);

/// The version of that source which a kernel package was built from. A signed image comes from a
/// wrapping source with a version of its own ("6.1.140+1"), but carries the kernel's ("6.1.140-1").
std::string_view kernel_source_version(const Package& package);

/// `uname -r` of the kernel that a package holds: "6.1.0-37-amd64" (Debian, Ubuntu: in its name),
/// "5.14.0-427.13.1.el9_4.x86_64" (Red Hat and its kin), "6.4.0-150600.23.7-default" (SUSE), "6.6.31-0-lts" (Alpine).
/// Empty for packages without one: headers, tools, modules. One that only names another ("linux-image-amd64") may give
/// a text that no kernel has.
std::string kernel_release(const Package& package);

}  // namespace postern::vuln
