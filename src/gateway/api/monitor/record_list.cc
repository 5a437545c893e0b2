#include <fmt/format.h>

#include <algorithm>

#include <boost/json.hpp>

#include "gateway/api/monitor/monitor.h"

namespace postern::gateway::api::monitors {
namespace {

namespace json = boost::json;

/// null: not known.
json::value truth(Feature f) { return f == Feature::kUnknown ? json::value() : json::value(f == Feature::kPresent); }

json::object record_json(const cli::EndpointView& e, const std::vector<cli::DynamicAddress>& tags) {
  const Record& r = e.record;
  json::array macs;
  if (e.mac.valid()) macs.emplace_back(e.mac.str());
  for (const auto& mac : e.other_macs) macs.emplace_back(mac.str());
  // Numbers of tags are each EMS's own.
  const std::string slot = fmt::format("EMS{}_", r.key.connector);
  json::array names, unknown;
  for (const auto& tag : tags) {
    if (!tag.name.starts_with(slot)) continue;
    if (std::binary_search(r.tags.begin(), r.tags.end(), tag.id)) names.emplace_back(tag.name);
    if (std::binary_search(r.unknown_tags.begin(), r.unknown_tags.end(), tag.id)) unknown.emplace_back(tag.name);
  }
  return {{"uid", r.key.uid.str()},
          {"ems_id", r.key.connector},
          {"ems_serial", r.ems_serial.str()},
          {"mac", e.mac.valid() ? e.mac.str() : std::string()},
          {"mac_list", std::move(macs)},
          {"addr", e.ip.str()},
          {"host", r.host_name},
          {"os", r.os_version.empty() ? r.os_type : r.os_version},
          {"user", r.last_login_user},
          {"online", r.online},
          {"registered", r.registered},
          {"on_net", truth(r.on_fabric)},
          {"forticlient_version", r.agent_version},
          {"manufacturer", r.host_manufacturer},
          {"domain", r.domain},
          {"interface", e.gateway_interface},
          {"quarantined", r.quarantined},
          {"avatar_fingerprint", r.avatar_fingerprint},
          {"avatar_source", r.avatar_source},
          {"tags", std::move(names)},
          {"unknown_tags", std::move(unknown)}};
}

void get_record_list(const CallPtr& call, const json::object&) {
  const auto* interface = call->query("intf_name");
  const auto tags = call->services.operations.dynamic_addresses();
  json::array all;
  for (const auto& e : call->services.operations.matched_endpoints()) {
    if (interface != nullptr && e.gateway_interface != *interface) continue;
    all.push_back(record_json(e, tags));
  }
  call->reply_results(std::move(all));
}

}  // namespace

Monitor record_list() { return {"GET", "endpoint-control/record-list", {"intf_name"}, {}, get_record_list}; }

}  // namespace postern::gateway::api::monitors
