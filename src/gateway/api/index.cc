#include "gateway/api/index.h"

#include <boost/json.hpp>

#include "gateway/api/cmdb_address.h"
#include "gateway/api/cmdb_change.h"
#include "gateway/api/monitor/monitor.h"

namespace postern::gateway::api {
namespace {

namespace json = boost::json;

json::array tables_index(const config::Schema& schema) {
  json::array out;
  for (const auto& table : schema.root().tables) {
    const auto [path, name] = path_and_name(table);
    json::object one = {{"path", path},
                        {"name", name},
                        {"uri", "/api/v2/cmdb/" + path + "/" + name},
                        {"category", table.single() ? "complex" : "table"},
                        {"help", table.help}};
    if (!table.single()) one["mkey"] = table.key.name;
    out.push_back(std::move(one));
  }
  return out;
}

json::array monitors_index() {
  json::array out;
  for (const auto& monitor : all_monitors()) {
    out.push_back({{"uri", "/api/v2/monitor/" + std::string(monitor.path)},
                   {"http_method", monitor.method},
                   {"query", json::value_from(monitor.query)},
                   {"body", json::value_from(monitor.body)}});
  }
  return out;
}

}  // namespace

void serve_index(const CallPtr& call, bool cmdb) {
  if (call->request.method != "GET") return wrong_method(call, "GET", "this address takes GET");
  if (const auto* action = call->query("action"); action != nullptr && *action != "schema") {
    return call->fail(400, ErrorNumber::kBadValue, "action: must be schema in a GET");
  }
  call->reply_results(cmdb ? tables_index(call->services.store.current()->schema()) : monitors_index());
}

}  // namespace postern::gateway::api
