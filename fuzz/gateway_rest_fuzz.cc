// Bodies and queries of the gateway's REST API against every table of the schema. Input: a query, a line break, a body.
#include <boost/json.hpp>
#include <cstdint>
#include <cstdlib>

#include "base/form.h"
#include "base/hex.h"
#include "gateway/api/cmdb_json.h"
#include "gateway/api/cmdb_query.h"
#include "gateway/api/input.h"

namespace {

using namespace postern;
using namespace postern::gateway;

void try_table(const config::Table& table, const boost::json::object& body,
               const std::map<std::string, std::string>& query) {
  (void)api::read_draft(table, body);
  if (const auto list = api::read_list_query(table, query)) {
    auto entry = body;
    (void)list->keeps(entry);
    list->project(entry);
  }
  for (const auto& nested : table.tables) try_table(nested, body, query);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = as_text({data, size});
  const auto end = text.find('\n');
  const auto query = parse_form(text.substr(0, end));
  const auto body = api::parse_object(end == text.npos ? std::string_view() : text.substr(end + 1));
  if (api::shown(text).find('\n') != std::string::npos) std::abort();
  if (!query || !body) return 0;
  try_table(config::gateway_schema().root(), *body, *query);
  return 0;
}
