#pragma once
// What is known of a FortiGate's tables and settings that this gateway doesn't have: what it means that they are not taken.
// Names are facts of the source's format; the lists stand in known_tables.cc and known_settings.cc. Thread: any.
#include <string_view>

#include "gateway/config/schema.h"

namespace postern::gateway::config::fortios {

/// What follows when a setting isn't taken.
enum class Effect {
  kLine,   ///< Nothing: only the line is ignored.
  kWider,  ///< The entry would allow more without it: it is taken, but policies that use it (or that it is) are off.
  kEntry,  ///< The entry would be something else without it: it is left out.
};

struct NotTaken {
  Effect effect = Effect::kLine;
  std::string_view why;  ///< Empty: nothing particular is known.
};

/// Of the setting `name` in `table` of the source (nested: the nested name). What is not known narrows, where `table`
/// lets something through: leaving it out must never allow more.
NotTaken not_taken(std::string_view table, std::string_view name);
/// Does `not_taken` know this setting by name?
bool is_known(std::string_view table, std::string_view name);
/// Is the setting, with this value, what holds here for everything anyway?
bool is_as_here(std::string_view table, std::string_view name, const Value& value);
/// Values with which a setting that is not here does nothing there, such as disable and 0.
bool is_off(const Value& value);
/// Is 0 or none a restriction like any other value of this setting?
bool is_never_off(std::string_view table, std::string_view name);

/// Our name of a table of the source; what is the same isn't in it. Empty: none.
std::string_view our_table(std::string_view source);
/// Why a table isn't taken and what there is instead.
std::string_view why_no_table(std::string_view source);
/// Does this table share its names with firewall address there, though none of its entries is an address here?
bool shares_address_names(std::string_view source);

/// What a setting is there as long as it isn't set, where that differs from here; empty: as here.
struct SourceDefault {
  std::string_view table, name, value;
};
const std::vector<SourceDefault>& source_defaults();

/// Do they say the same, but for notes and for how ports are listed?
bool same_meaning(const Object& a, const Object& b);
/// Is what the source's table says of an entry the same as what is built in here under its name, though in other words?
bool same_built_in(std::string_view table, const Object& entry, const Object& built_in);
/// Why a service that is built in here is not what a FortiGate brings along under this name; empty: it is.
std::string_view differs_there(std::string_view service);
/// A service that is ICMP there, and ICMPv6, too, here.
bool is_both_icmp(const Object& service);
/// Tables of ours whose entries share their names with those of `table`, itself included.
std::vector<std::string_view> sharing_names(std::string_view table);

}  // namespace postern::gateway::config::fortios
