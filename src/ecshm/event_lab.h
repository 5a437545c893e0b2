#pragma once
// For tests: certificates, and an event that differs from others of its kind.
#include <string>

#include "base/sha256.h"
#include "ecshm/event.h"

namespace postern::ecshm {

inline const Sha256 kLeaf = sha256("leaf"), kOther = sha256("another leaf");

inline Event denial(int n) {
  Event e;
  e.type = EventType::kDenied;
  e.reason = policy::Reason::kMissingTag;
  e.id = "AAAA-" + std::to_string(1000 + n);
  e.leaf = kLeaf;
  e.source = *IpAddress::parse("2001:db8::1");
  e.host = "app.example";
  e.path = "/x";
  e.tags.set(511);
  return e;
}

}  // namespace postern::ecshm
