#pragma once
// One endpoint certificate in ec-shm, as a plain value.
#include <cstdint>
#include <span>

#include "base/clock.h"
#include "base/sha256.h"
#include "policy/tag_set.h"

namespace postern::ecshm {

struct SlotData {
  std::uint32_t connector = 0;  ///< 1..7; whose validity the slot stands under.
  WallTime not_after{};         ///< Of the certificate.
  bool online = false;
  bool registered = false;
  bool quarantined = false;
  bool blocked = false;    ///< Revoked or deregistered.
  policy::TagSet tags;     ///< Has.
  policy::TagSet unknown;  ///< Can't be told.
  friend bool operator==(const SlotData&, const SlotData&) = default;
};

}  // namespace postern::ecshm
