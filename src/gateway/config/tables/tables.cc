#include "gateway/config/tables/tables.h"

namespace postern::gateway::config::tables {

std::vector<Table> all() {
  return {system_global(),          system_interface(),
          system_admin(),           system_api_user(),
          certificate_local(),      endpoint_control_fctems(),
          firewall_address(),       firewall_service_custom(),
          firewall_vip(),           firewall_access_proxy_virtual_host(),
          firewall_access_proxy(),  firewall_proxy_policy(),
          firewall_policy()};
}

}  // namespace postern::gateway::config::tables
