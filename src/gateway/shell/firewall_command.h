#pragma once
// `postern-gateway firewall …`: what can be done about the firewall where no gateway runs.
#include <filesystem>

namespace postern::gateway {

/// Prints what this configuration (text as `show` prints it; - is standard input) would make of the firewall, or where that
/// differs from what the kernel holds. Returns the exit status.
int firewall_dry_run(const std::filesystem::path& config, bool difference);

/// Takes away what a gateway leaves in the kernel: the table inet postern and the neighbours that it pinned. Not while one
/// runs in `runtime_dir`, nor while one with another keeps the table's lease. Returns the exit status.
int firewall_remove(const std::filesystem::path& runtime_dir);

}  // namespace postern::gateway
