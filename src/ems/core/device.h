#pragma once
// By what a device is recognised, whoever enrols it: quarantine follows it.
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/ip.h"
#include "ems/registry/model.h"

namespace postern::ems {

/// Machine ids, DMI UUIDs and hardware addresses that an endpoint named, when it enrolled and in its facts since, those of
/// the interfaces with its addresses included. Values that many machines share (all zeros) are left out.
struct DeviceMarks {
  std::set<std::string> machine_ids;
  std::set<std::string> hardware_uuids;
  std::set<MacAddress> macs;
};
DeviceMarks device_marks(const Endpoint& endpoint);
/// By its facts as `fact` tells them.
DeviceMarks device_marks(const Endpoint& endpoint,
                         const std::function<std::optional<posture::Fact>(std::string_view key)>& fact);
/// Has the endpoint one of them?
bool same_device(const DeviceMarks& marks, const Endpoint& endpoint);

/// Does `now` hold anything that `before` did not?
bool names_more(const DeviceMarks& now, const DeviceMarks& before);

/// What the quarantine of an endpoint says that only follows another one's.
std::string following_reason(const EndpointUid& quarantined);

}  // namespace postern::ems
