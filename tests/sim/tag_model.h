#pragma once
// The simulation's tags, and its own idea of who has them: judged from what really is on a machine, by other code than
// the engine's.
#include <set>
#include <string>
#include <vector>

#include "dice.h"

namespace postern::sim {

/// What really runs and lies on a machine.
struct Posture {
  std::set<std::string> processes, files;
};

struct TagRule {
  bool file = false;
  std::vector<std::string> names;
  bool any = false;  ///< Else all.
  bool negate = false;
};

struct TagModel {
  std::string name;
  bool classification = false;
  bool ignore_unknown = false;
  std::vector<TagRule> rules;
  bool any = false;  ///< "1 or 2" instead of all of them.

  static TagModel roll(Dice& dice, std::string name);
  /// As the REST API takes it.
  std::string json() const;
  bool held_by(const Posture& posture) const;
};

const std::vector<std::string>& known_processes();
const std::vector<std::string>& known_files();

}  // namespace postern::sim
