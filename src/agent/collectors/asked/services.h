#pragma once
// What systemd says of units. Pure.
#include <string>
#include <string_view>
#include <vector>

namespace postern::agent {

struct UnitState {
  bool loaded = false;   ///< systemd knows such a unit.
  bool active = false;
  bool enabled = false;  ///< Starts with the system.
  friend bool operator==(const UnitState&, const UnitState&) = default;
};

/// The output of `systemctl show --property=LoadState,ActiveState,UnitFileState UNIT…`: one state for each unit, in
/// order; what is cut off is missing.
std::vector<UnitState> parse_unit_states(std::string_view text);
/// "ssh" is "ssh.service"; empty for what can't be one unit's name.
std::string unit_name(std::string_view name);

}  // namespace postern::agent
