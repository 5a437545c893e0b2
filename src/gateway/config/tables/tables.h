#pragma once
// Every table of the gateway's configuration; each is described in the file of its name.
#include <vector>

#include "gateway/config/schema.h"

namespace postern::gateway::config::tables {

Table system_global();
Table system_settings();
Table system_console();
Table system_interface();
Table system_admin();
Table system_api_user();
Table certificate_local();
Table certificate_remote();
Table log_setting();
Table log_syslogd_setting();
Table endpoint_control_settings();
Table endpoint_control_fctems();
Table user_local();
Table user_group();
Table firewall_address();
Table firewall_addrgrp();
Table firewall_service_custom();
Table firewall_service_group();
Table firewall_schedule_recurring();
Table firewall_schedule_onetime();
Table firewall_schedule_group();
Table firewall_vip();
Table firewall_vip6();
Table firewall_access_proxy_virtual_host();
Table firewall_access_proxy();
Table firewall_access_proxy6();
Table firewall_proxy_policy();
Table firewall_policy();

/// In the order in which `show` prints them.
std::vector<Table> all();

}  // namespace postern::gateway::config::tables
