#include <boost/json.hpp>

#include "gateway/api/monitor/monitor.h"
#include "gateway/config/model.h"

namespace postern::gateway::api::monitors {
namespace {

namespace json = boost::json;

json::object connector_json(const cli::ConnectorStatus& c, const config::ConfigTree& tree) {
  json::object out = {{"ems_id", c.id},
                      {"ems_name", c.name},
                      {"ems_serial", c.ems_serial.str()},
                      {"ems_tenant_id", c.tenant.str()},
                      {"ems_status", c.channel_state},
                      {"ems_is_connected", c.channel_state == "connected"},
                      {"ems_is_verified", c.confirmed()},
                      {"ws_status", c.channel_state}};
  const config::ObjectPath path = {{"endpoint-control fctems", std::to_string(c.id)}};
  if (const auto* object = tree.find(path)) {
    const config::ObjectView view(*config::find_table(tree.schema(), path), *object);
    out["mgmt_ip"] = view.text("server");
    out["mgmt_port"] = view.integer("https-port");
  }
  if (!c.authorise_url.empty()) out["authorise_url"] = c.authorise_url;
  if (c.stale_since) out["stale_since"] = to_iso8601(*c.stale_since);
  return out;
}

void get_ems_status(const CallPtr& call, const json::object&) {
  const auto tree = call->services.store.current();
  if (const auto* ems_id = call->query("ems_id")) {
    const auto id = connector_of(call, *ems_id);
    if (!id) return call->fail(id.error());
    return call->reply_results(connector_json(connector_status(call, *id), *tree));
  }
  json::array all;
  for (const auto& c : call->services.operations.connectors()) all.push_back(connector_json(c, *tree));
  call->reply_results(std::move(all));
}

}  // namespace

Monitor ems_status() { return {"GET", "endpoint-control/ems/status", {"ems_id"}, {}, get_ems_status}; }

}  // namespace postern::gateway::api::monitors
