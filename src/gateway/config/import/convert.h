#pragma once
// Settings that mean the same here in other words. Thread: any.
#include <map>
#include <string>
#include <string_view>

#include "gateway/config/schema.h"

namespace postern::gateway::config::fortios {

/// Slots of the source's connectors.
struct EmsSlots {
  std::map<std::string, std::string, std::less<>> by_serial;  ///< Of their EMS: names of tags once began with it.
  std::map<std::string, std::string, std::less<>> by_name;    ///< Those that have no number there: they once had names.
};

/// A setting as it is called and written here; whether the value is allowed is not judged.
struct Converted {
  std::string name;
  Value values;
};
/// `table` is the source's (nested: the nested name), `ours` the table that it becomes.
Converted convert(std::string_view table, const Table& ours, std::string_view name, const Value& values,
                  const EmsSlots& slots);

/// Is it a certificate that every FortiGate brings along?
bool is_factory_certificate(std::string_view name);

}  // namespace postern::gateway::config::fortios
