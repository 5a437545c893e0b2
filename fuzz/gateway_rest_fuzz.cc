// Bodies, queries and addresses of the gateway's REST API against every table of the schema. Input: a query (its parameter
// `at` is an address), a line break, a body.
#include <boost/json.hpp>
#include <cstdint>
#include <cstdlib>

#include "base/form.h"
#include "base/hex.h"
#include "base/text.h"
#include "gateway/api/cmdb_address.h"
#include "gateway/api/cmdb_json.h"
#include "gateway/api/cmdb_query.h"
#include "gateway/api/input.h"

namespace {

using namespace postern;
using namespace postern::gateway;

void try_table(const config::Table& table, const boost::json::object& body,
               const std::map<std::string, std::string>& query) {
  (void)api::read_draft(table, body);
  for (const auto& attribute : table.attributes) {
    if (!api::is_list_of_names(attribute)) continue;
    const auto member = api::read_member(attribute, body);
    // Normal form is its own normal form: that is what members are compared by.
    if (member && attribute.normalise({*member}) != config::Value{*member}) std::abort();
  }
  if (const auto list = api::read_list_query(table, query)) {
    auto entry = body;
    (void)list->keeps(entry);
    list->project(entry);
    boost::json::array entries = {body, nullptr, body};
    if (list->apply(entries) > 3 || entries.size() > 3) std::abort();
  }
  for (const auto& nested : table.tables) try_table(nested, body, query);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = as_text({data, size});
  const auto end = text.find('\n');
  auto query = parse_form(text.substr(0, end));
  const auto body = api::parse_object(end == text.npos ? std::string_view() : text.substr(end + 1));
  if (api::shown(text).find('\n') != std::string::npos) std::abort();
  if (!query || !body) return 0;
  if (const auto at = query->find("at"); at != query->end()) {
    const auto& schema = config::gateway_schema();
    if (const auto there = api::locate(schema, split(std::string_view(at->second), '/'))) {
      if (there->table == nullptr || there->path.empty() || (there->member && !there->list)) std::abort();
    }
    query->erase(at);
  }
  try_table(config::gateway_schema().root(), *body, *query);
  return 0;
}
