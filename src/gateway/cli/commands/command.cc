#include "gateway/cli/commands/command.h"

#include <fmt/format.h>

#include "base/text.h"

namespace postern::gateway::cli {

std::size_t Command::required_arguments() const {
  std::size_t count = 0;
  for (const auto& argument : arguments) count += !argument.word.starts_with('[');
  return count;
}

const std::vector<Command>& all_commands() {
  static const std::vector<Command> all = {
      commands::execute_fctems_verify(),
      commands::execute_fctems_unverify(),
      commands::execute_fctems_is_verified(),
      commands::execute_api_user_generate_key(),
      commands::execute_backup_config(),
      commands::execute_backup_config_file(),
      commands::execute_restore_config(),
      commands::execute_restore_config_file(),
      commands::execute_revision_list(),
      commands::execute_revision_show(),
      commands::execute_revision_diff(),
      commands::execute_revision_rollback(),
      commands::execute_revision_comment(),
      commands::execute_revision_delete(),
      commands::execute_factory_reset(),
      commands::execute_factoryreset(),
      commands::execute_import_fortios(),
      commands::execute_import_fortios_check(),
      commands::execute_import_fortios_file(),
      commands::execute_import_fortios_check_file(),
      commands::diagnose_endpoint_fctems_test_connectivity(),
      commands::diagnose_endpoint_ec_shm_list(),
      commands::diagnose_endpoint_record_list(),
      commands::diagnose_endpoint_why(),
      commands::diagnose_endpoint_fctems_json_gateway_mac_request(),
      commands::diagnose_endpoint_lls_comm_find_uid(),
      commands::diagnose_endpoint_lls_comm_find_ip_vdom(),
      commands::diagnose_wad_dev_query_by_uid(),
      commands::diagnose_wad_dev_query_by_ipv4(),
      commands::diagnose_firewall_dynamic_list(),
      commands::diagnose_firewall_ruleset(),
      commands::diagnose_firewall_difference(),
      commands::diagnose_test_application_fcnacd(),
      commands::diagnose_ztna_denial(),
      commands::diagnose_ztna_decision(),
      commands::diagnose_ztna_real_server_list(),
      commands::diagnose_ztna_session_list(),
      commands::diagnose_ztna_session_clear_all(),
      commands::diagnose_ztna_session_clear_id(),
      commands::diagnose_ztna_session_clear_endpoint(),
      commands::diagnose_ztna_session_clear_policy(),
      commands::diagnose_ztna_session_clear_access_proxy(),
  };
  return all;
}

std::optional<bool> read_yes_or_no(std::string_view text) {
  const auto word = to_lower(trim(text));
  if (word == "y" || word == "yes") return true;
  if (word == "n" || word == "no") return false;
  return std::nullopt;
}

Result<config::ObjectView> connector_argument(const config::Snapshot& config, const std::string& argument) {
  for (const auto& o : config->entries("endpoint-control fctems")) {
    if (o.key() == argument) return o;
  }
  const auto number = parse_u64(argument);
  if (!number || *number < 1 || *number > 7) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("\"{}\" is not a connector; allowed: 1 to 7", argument.substr(0, 80)));
  }
  return fail(ErrorCode::kNotFound,
              fmt::format("EMS {0} is not configured (config endpoint-control fctems, edit {0})", argument));
}

Result<ConnectorId> connector_with_server(const config::Snapshot& config, const std::string& argument) {
  const auto connector = connector_argument(config, argument);
  if (!connector) return fail(connector.error());
  const auto id = static_cast<ConnectorId>(*parse_u64(connector->key()));
  if (connector->text("server").empty()) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("EMS {} has no server yet (set server <name or address>)", id));
  }
  return id;
}

}  // namespace postern::gateway::cli
