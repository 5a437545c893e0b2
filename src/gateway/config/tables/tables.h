#pragma once
// Every table of the gateway's configuration; each is described in the file of its name.
#include <vector>

#include "gateway/config/schema.h"

namespace postern::gateway::config::tables {

Table system_global();
Table system_interface();
Table system_admin();
Table system_api_user();
Table certificate_local();
Table endpoint_control_fctems();
Table firewall_address();
Table firewall_service_custom();
Table firewall_vip();
Table firewall_access_proxy_virtual_host();
Table firewall_access_proxy();
Table firewall_proxy_policy();
Table firewall_policy();

/// In the order in which `show` prints them.
std::vector<Table> all();

}  // namespace postern::gateway::config::tables
