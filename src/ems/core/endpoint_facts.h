#pragma once
// One endpoint's facts as rules ask for them, for what isn't judged with all endpoints at once: detection, explanations.
#include <deque>
#include <string>
#include <string_view>
#include <utility>

#include "ems/registry/posture_table.h"
#include "posture/rule.h"

namespace postern::ems {

/// Each fact is read once. What it returned lives as long as this does. Thread: one.
class EndpointFacts final : public posture::FactSource {
 public:
  explicit EndpointFacts(const EndpointPosture& of) : of_(of) {}
  const posture::Fact* find(std::string_view key) const override;

 private:
  EndpointPosture of_;
  mutable std::deque<std::pair<std::string, std::optional<posture::Fact>>> read_;
};

}  // namespace postern::ems
