#pragma once
// The JSON form of detection sets:
//   {"sets":[{"name":"Office","rules":[{"type":"dhcp-server","addresses":["10.0.1.1"]},{"type":"ems-connection"}]}]}
#include <string>
#include <string_view>

#include "base/result.h"
#include "posture/on_fabric.h"

namespace postern::posture {

inline constexpr std::size_t kMaxDetectionJsonBytes = 512 * 1024;

/// Strict and complete: what it accepts, OnFabricDetection::compile accepts. Errors: kInvalidArgument naming the set, the
/// rule, the field, the value and what is allowed; kResourceExhausted when larger than kMaxDetectionJsonBytes.
Result<DetectionSets> parse_detection_json(std::string_view text);

/// One line; parse_detection_json(print_detection_json(x)) == x for every valid x.
std::string print_detection_json(const DetectionSets& sets);

}  // namespace postern::posture
