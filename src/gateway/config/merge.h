#pragma once
// Two people's changes of one configuration put together: table by table, entry by entry, attribute by attribute. What
// only one of them changed is taken; where they contradict each other mine is taken and the contradiction is told.
#include <string>
#include <vector>

#include "gateway/config/tree.h"

namespace postern::gateway::config {

/// A place where both changed something, and not to the same.
struct Clash {
  enum class Kind {
    kValue,       ///< Both changed the attribute.
    kTheyDelete,  ///< They deleted the entry that I changed: it is made again.
    kIDelete,     ///< I delete the entry that they changed.
    kBothMade,    ///< Both made an entry of this name: mine stands in the place of theirs, whole.
    kOrder,       ///< Both moved entries of the table: they stand in my order.
  };
  Kind kind = Kind::kValue;
  ObjectPath path;       ///< Of the entry; kOrder: of the table, with an empty key.
  std::string attribute; ///< kValue.
  std::string theirs, mine;  ///< kValue: as `show` prints them, secrets masked; empty: the default.
};

/// One sentence without a full stop. `they`: who that was.
std::string describe(const Clash& clash, std::string_view they);

struct Merge {
  Object root;
  std::vector<Clash> clashes;  ///< In the order of the tables.
};
/// Lists of names to which both added, or from which both took, are joined as long as both leave something of what was
/// there before; otherwise they clash as any other value.
Merge merge(const Schema& schema, const Object& base, const Object& theirs, const Object& mine);

}  // namespace postern::gateway::config
