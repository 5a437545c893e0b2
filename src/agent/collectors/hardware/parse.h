#pragma once
// What the kernel says of the hardware, as text. Pure.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace postern::agent {

/// The first "model name" of /proc/cpuinfo; else "Model" or "Hardware", as ARM kernels say it; empty when there is
/// none.
std::string parse_cpu_model(std::string_view cpuinfo);
/// MemTotal of /proc/meminfo in MiB.
std::optional<std::int64_t> parse_memory_mb(std::string_view meminfo);
/// A value of /sys/class/dmi/id, trimmed; empty for what vendors leave there when they mean nothing ("To Be Filled By
/// O.E.M.", "Default string", ...) and for bytes that are no text.
std::string parse_dmi(std::string_view value);

}  // namespace postern::agent
