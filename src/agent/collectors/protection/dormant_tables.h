#pragma once
// nftables' tables that are there and hooked nowhere ("flags dormant"): their chains see no packet.
#include <cstdint>
#include <set>
#include <string>
#include <utility>

#include "base/hex.h"

namespace postern::agent {

/// Pure: takes a dump of tables. Torn messages say nothing.
class DormantTables {
 public:
  void apply(ByteView datagram);
  bool contains(std::uint8_t family, const std::string& name) const { return tables_.contains({family, name}); }

 private:
  std::set<std::pair<std::uint8_t, std::string>> tables_;
};

}  // namespace postern::agent
