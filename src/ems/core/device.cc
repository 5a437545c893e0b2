#include "ems/core/device.h"

#include <algorithm>
#include <vector>

#include "posture/fact_keys.h"

namespace postern::ems {
namespace {

namespace keys = posture::keys;

void add_id(std::set<std::string>& ids, const std::string& id) {
  // Zeros and Fs say nothing about which machine it is.
  if (id.size() >= 8 && id.find_first_not_of("0-fF") != id.npos) ids.insert(id);
}

using Look = std::function<std::optional<posture::Fact>(std::string_view key)>;

template <class T>
std::optional<T> known(const Look& look, std::string_view key) {
  const auto fact = look(key);
  const T* value = fact ? fact->as<T>() : nullptr;
  return value == nullptr ? std::nullopt : std::optional<T>(*value);
}

/// Calls `each` with the hardware addresses of an endpoint until it says true.
template <class Each>
bool any_mac(const Endpoint& e, const Look& look, Each each) {
  if (std::any_of(e.macs.begin(), e.macs.end(), each)) return true;
  if (const auto texts = known<std::vector<std::string>>(look, keys::kMacs)) {
    for (const auto& text : *texts) {
      if (const auto mac = MacAddress::parse(text); mac && each(*mac)) return true;
    }
  }
  const auto interfaces = known<std::vector<posture::Interface>>(look, keys::kInterfaces);
  return interfaces && std::any_of(interfaces->begin(), interfaces->end(),
                                   [&](const posture::Interface& i) { return each(i.mac); });
}

}  // namespace

DeviceMarks device_marks(const Endpoint& e) {
  return device_marks(e, [&](std::string_view key) { return e.fact(key); });
}

DeviceMarks device_marks(const Endpoint& e, const Look& look) {
  DeviceMarks out;
  add_id(out.machine_ids, e.machine_id);
  add_id(out.hardware_uuids, e.hardware_uuid);
  if (const auto id = known<std::string>(look, keys::kMachineId)) add_id(out.machine_ids, *id);
  if (const auto id = known<std::string>(look, keys::kHardwareUuid)) add_id(out.hardware_uuids, *id);
  any_mac(e, look, [&](const MacAddress& mac) {
    if (mac.valid()) out.macs.insert(mac);
    return false;
  });
  return out;
}

bool same_device(const DeviceMarks& marks, const Endpoint& e) {
  const auto named = [&](const std::set<std::string>& ids, const std::string& enrolled, std::string_view key) {
    if (ids.empty()) return false;
    if (ids.contains(enrolled)) return true;
    const auto told = e.known<std::string>(key);
    return told && ids.contains(*told);
  };
  return named(marks.machine_ids, e.machine_id, keys::kMachineId) ||
         named(marks.hardware_uuids, e.hardware_uuid, keys::kHardwareUuid) ||
         (!marks.macs.empty() && any_mac(e, [&](std::string_view key) { return e.fact(key); }, [&](const MacAddress& mac) { return marks.macs.contains(mac); }));
}

bool names_more(const DeviceMarks& now, const DeviceMarks& before) {
  return !std::ranges::includes(before.machine_ids, now.machine_ids) ||
         !std::ranges::includes(before.hardware_uuids, now.hardware_uuids) ||
         !std::ranges::includes(before.macs, now.macs);
}

std::string following_reason(const EndpointUid& quarantined) {
  return "the same device as quarantined endpoint " + quarantined.str();
}

}  // namespace postern::ems
