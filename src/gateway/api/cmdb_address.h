#pragma once
// What the address of a configured object names: a table, an entry, or one name in an entry's list.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/config/tree.h"

namespace postern::gateway::api {

struct Address {
  const config::Table* table = nullptr;
  config::ObjectPath path;  ///< The last key is empty for a table, and for the object of a table without a key.
  bool entry = false;       ///< One object.
  /// A list of names that the object has, such as a policy's ztna-ems-tag; its members have addresses, too.
  const config::Attribute* list = nullptr;
  std::optional<std::string> member;  ///< One of them, in normal form.
};

/// `segments`: what follows /api/v2/cmdb/, decoded. nullopt: the schema has nothing there.
std::optional<Address> locate(const config::Schema& schema, const std::vector<std::string_view>& segments);

/// "firewall.service", "custom" for "firewall service custom", as they stand in an address.
std::pair<std::string, std::string> path_and_name(const config::Table& table);

}  // namespace postern::gateway::api
