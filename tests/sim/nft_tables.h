#pragma once
// As much of nftables as the gateway's commands use: named sets of one table, changed by whole transactions. The lease
// is the set `alive`, whose elements run out.
#include <map>
#include <optional>
#include <set>
#include <string>

#include "base/clock.h"
#include "base/result.h"

namespace postern::sim {

class NftTables {
 public:
  /// All of it or nothing, like the kernel. Errors: kInvalidArgument (a command it does not know, or whose set is not
  /// there), kNotFound (an element to delete that is not there).
  Status run(const std::string& commands, MonoTime now);

  const std::map<std::string, std::set<std::string>>& sets() const { return table_.sets; }
  const std::set<std::string>& chains() const { return table_.chains; }
  MonoTime alive_until() const { return table_.alive_until; }

 private:
  struct Table {
    std::map<std::string, std::set<std::string>> sets;
    std::set<std::string> chains;
    MonoTime alive_until{};
  };
  Table table_;
};

}  // namespace postern::sim
