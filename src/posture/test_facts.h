#pragma once
// What the tests of this folder share: facts in few words.
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "posture/fact.h"
#include "posture/fact_keys.h"

namespace postern::posture::testing {

inline const WallTime kThen{Millis(1'780'000'000'000)};
inline const Now kNow{kThen + Seconds(90), {}};

inline Fact known(FactValue value) { return {std::move(value), kThen, "test"}; }
inline Fact text(const char* value) { return known(std::string(value)); }
inline Fact unknown(UnknownReason reason) { return known(Unknown{reason}); }

inline Interface interface(std::string name, std::initializer_list<const char*> addresses,
                           bool up = true) {
  Interface out;
  out.name = std::move(name);
  out.up = up;
  for (const char* address : addresses) out.addresses.push_back(*IpAddress::parse(address));
  return out;
}

inline FactMap linux_facts() { return {{std::string(keys::kOsFamily), text("linux")}}; }

}  // namespace postern::posture::testing
