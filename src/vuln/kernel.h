#pragma once
// Kernel packages: which source their advisories name, and the version to judge them by.
#include <string>
#include <string_view>

#include "vuln/inventory.h"

namespace postern::vuln {

/// The source that advisories name for a kernel package's source: "linux" for "linux" and
/// "linux-signed-amd64", "linux-6.1" for "linux-6.1" and "linux-signed-6.1-amd64". Empty for every
/// other source, also for "linux-base" and the like.
std::string kernel_source(std::string_view source);

/// The version of that source which a kernel package was built from. A signed image comes from a
/// wrapping source with a version of its own ("6.1.140+1"), but carries the kernel's ("6.1.140-1").
std::string_view kernel_source_version(const Package& package);

/// An image of a kernel that may run, or a package that only names one ("linux-image-amd64").
bool is_kernel_image(const Package& package);

/// Whether a package of this name holds the kernel whose `uname -r` is `release`.
bool is_image_of(std::string_view package, std::string_view release);

}  // namespace postern::vuln
