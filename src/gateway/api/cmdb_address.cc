#include "gateway/api/cmdb_address.h"

#include <algorithm>

#include "gateway/api/cmdb_json.h"

namespace postern::gateway::api {
namespace {

/// The rest of an address, behind a list's name: nothing, or one member.
std::optional<Address> locate_member(Address a, const config::Attribute& list,
                                     const std::vector<std::string_view>& segments, std::size_t next) {
  a.list = &list;
  if (next == segments.size()) return a;
  const auto normal = list.normalise({std::string(segments[next])});
  if (!normal || normal->size() != 1 || next + 1 != segments.size()) return std::nullopt;
  a.member = normal->front();
  return a;
}

}  // namespace

std::optional<Address> locate(const config::Schema& schema, const std::vector<std::string_view>& segments) {
  if (segments.size() < 2) return std::nullopt;
  std::string name(segments[0]);
  std::replace(name.begin(), name.end(), '.', ' ');
  Address a;
  a.table = schema.table(name + ' ' + std::string(segments[1]));
  if (a.table == nullptr) return std::nullopt;
  a.path = {{a.table->name, ""}};
  a.entry = a.table->single();
  for (std::size_t i = 2; i < segments.size(); ++i) {
    if (!a.entry) {
      const auto key = a.table->key.normalise({std::string(segments[i])});
      if (!key || key->empty()) return std::nullopt;
      a.path.back().key = key->front();
      a.entry = true;
      continue;
    }
    const auto* attribute = a.table->attribute(segments[i]);
    if (attribute != nullptr && is_list_of_names(*attribute)) return locate_member(a, *attribute, segments, i + 1);
    a.table = a.table->table(segments[i]);
    if (a.table == nullptr) return std::nullopt;
    a.path.push_back({a.table->name, ""});
    a.entry = a.table->single();
  }
  return a;
}

std::pair<std::string, std::string> path_and_name(const config::Table& table) {
  const auto last = table.name.rfind(' ');
  std::string path = table.name.substr(0, last);
  std::replace(path.begin(), path.end(), ' ', '.');
  return {std::move(path), last == std::string::npos ? std::string() : table.name.substr(last + 1)};
}

}  // namespace postern::gateway::api
