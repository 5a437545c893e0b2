#include "gateway/config/tables/tables.h"

namespace postern::gateway::config::tables {

std::vector<Table> all() {
  return {certificate_local(),  // before everything that presents one
          certificate_remote(),
          system_global(),
          system_settings(),
          system_console(),
          system_interface(),
          system_admin(),
          system_api_user(),
          log_setting(),
          log_syslogd_setting(),
          endpoint_control_settings(),
          endpoint_control_fctems(),
          user_local(),
          user_group(),
          firewall_address(),
          firewall_addrgrp(),
          firewall_service_custom(),
          firewall_service_group(),
          firewall_schedule_recurring(),
          firewall_schedule_onetime(),
          firewall_schedule_group(),
          firewall_vip(),
          firewall_vip6(),
          firewall_access_proxy_virtual_host(),
          firewall_access_proxy(),
          firewall_access_proxy6(),
          firewall_proxy_policy(),
          firewall_policy()};
}

}  // namespace postern::gateway::config::tables
