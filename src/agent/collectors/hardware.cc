#include "agent/collectors/collector.h"
#include "agent/collectors/parse.h"
#include "base/file.h"
#include "posture/fact_keys.h"

namespace postern::agent {

namespace keys = posture::keys;
using posture::UnknownReason;

void collect_hardware(Facts& facts) {
  const std::pair<std::string_view, const char*> dmi[] = {{keys::kHostModel, "/sys/class/dmi/id/product_name"},
                                                          {keys::kHostManufacturer, "/sys/class/dmi/id/sys_vendor"},
                                                          {keys::kHardwareUuid, "/sys/class/dmi/id/product_uuid"}};
  for (const auto& [key, path] : dmi) facts.text(key, read_file(facts.path(path), 4096), path);
  const auto cpu = read_file(facts.path("/proc/cpuinfo"), 4 << 20);
  if (cpu) {
    facts.text(keys::kCpuModel, parse_cpu_model(*cpu), "/proc/cpuinfo");
  } else {
    facts.text(keys::kCpuModel, cpu, "/proc/cpuinfo");
  }
  const auto memory = read_file(facts.path("/proc/meminfo"), 1 << 20);
  if (const auto mb = memory ? parse_memory_mb(*memory) : std::nullopt) {
    facts.know(keys::kMemoryMb, *mb, "/proc/meminfo");
  } else {
    facts.unknown(keys::kMemoryMb, memory ? UnknownReason::kFailed : UnknownReason::kUnsupported, "/proc/meminfo");
  }
}

}  // namespace postern::agent
