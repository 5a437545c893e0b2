#include "agent/collectors/hardware/hardware.h"

#include "agent/collectors/hardware/parse.h"
#include "posture/fact_keys.h"

namespace postern::agent {

namespace keys = posture::keys;

void collect_hardware(Facts& facts) {
  static constexpr std::pair<std::string_view, const char*> kDmi[] = {
      {keys::kHostModel, "/sys/class/dmi/id/product_name"},
      {keys::kHostManufacturer, "/sys/class/dmi/id/sys_vendor"},
      {keys::kHardwareUuid, "/sys/class/dmi/id/product_uuid"}};
  for (const auto& [key, path] : kDmi) {
    facts.text(key, facts.read(path, 4096).map([](const std::string& text) { return parse_dmi(text); }), path);
  }
  facts.text(keys::kCpuModel,
             facts.read("/proc/cpuinfo", 16u << 20).map([](const std::string& text) { return parse_cpu_model(text); }),
             "/proc/cpuinfo");
  const auto memory = facts.read("/proc/meminfo", 1u << 20);
  if (!memory) return facts.unknown(keys::kMemoryMb, reason_of(memory.error()), "/proc/meminfo");
  if (const auto mb = parse_memory_mb(*memory)) return facts.know(keys::kMemoryMb, *mb, "/proc/meminfo");
  facts.unknown(keys::kMemoryMb, posture::UnknownReason::kFailed, "/proc/meminfo");
}

}  // namespace postern::agent
