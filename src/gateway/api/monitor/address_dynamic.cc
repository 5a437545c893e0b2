#include <boost/json.hpp>

#include "gateway/api/input.h"
#include "gateway/api/monitor/monitor.h"

namespace postern::gateway::api::monitors {
namespace {

namespace json = boost::json;

/// The resolved addresses of each tag, or of the one that ?mkey= names.
void get_address_dynamic(const CallPtr& call, const json::object&) {
  const auto* wanted = call->query("mkey");
  json::array all;
  for (const auto& a : call->services.operations.dynamic_addresses()) {
    if (wanted != nullptr && a.name != *wanted) continue;
    json::array addresses;
    for (const auto& ip : a.addresses) addresses.emplace_back(ip.str());
    all.push_back({{"name", a.name}, {"tag_name", a.tag}, {"id", a.id}, {"addresses", std::move(addresses)}});
  }
  if (wanted != nullptr && all.empty()) {
    return call->fail(404, ErrorNumber::kNotFound, "there is no dynamic address " + api::shown(*wanted));
  }
  call->reply_results(std::move(all));
}

}  // namespace

Monitor address_dynamic() { return {"GET", "firewall/address-dynamic", {"mkey"}, {}, get_address_dynamic}; }

}  // namespace postern::gateway::api::monitors
