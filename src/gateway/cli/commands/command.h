#pragma once
// One command of `execute` and `diagnose`: each stands in a file of its own in this folder.
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/cli/operations.h"
#include "gateway/cli/session.h"

namespace postern::gateway::cli {

/// What a command may use while it runs. Callbacks given to `operations` go through `guard`, so that they do nothing
/// once the session is gone.
struct CommandContext {
  config::ConfigStore& store;
  GatewayOperations& operations;
  Random& random;
  std::vector<std::string> arguments;  ///< Words behind the command's own.
  std::function<void(Reply)> finish;   ///< Exactly once.
  /// Prints `output` and the question; the next line is the answer.
  std::function<void(std::string output, std::string question, std::function<void(std::string answer)>)> ask;
  /// Before `finish`: nothing is asked, but people who expect the question paste its answer. If the next line is one
  /// (y, yes, n, no), this replies to it; any other line is a command as always.
  std::function<void(std::function<Reply(bool yes)>)> expect_answer;
  /// Is the session still there?
  std::function<bool()> alive;
  std::string user;  ///< Who runs it, for the history.
  /// That in force, or, where something is staged, what would be in force with it. Errors: what is staged is not valid.
  std::function<Result<config::Snapshot>()> configuration;

  void print(std::string output) const { finish({std::move(output), {}, false, false}); }
  void fail(std::string error) const { finish({{}, std::move(error), false, false}); }
};

struct Command {
  std::string words;                   ///< "execute fctems verify".
  std::string help;
  std::vector<Candidate> arguments;    ///< In order; those in [brackets] may be left out.
  std::function<void(const CommandContext&)> run;
  /// The table whose names the first argument may be, for completion; empty: none.
  std::string first_argument_of = {};
  /// May also be run inside `config`.
  bool while_staged = false;

  std::size_t required_arguments() const;
};

namespace commands {

Command execute_fctems_verify();
Command execute_fctems_unverify();
Command execute_fctems_is_verified();
Command execute_api_user_generate_key();
Command execute_backup_config();
Command execute_backup_config_file();
Command execute_restore_config();
Command execute_restore_config_file();
Command execute_revision_list();
Command execute_revision_show();
Command execute_revision_diff();
Command execute_revision_rollback();
Command execute_revision_comment();
Command execute_revision_delete();
Command execute_factory_reset();
Command execute_factoryreset();
Command execute_import_fortios();
Command execute_import_fortios_check();
Command execute_import_fortios_file();
Command execute_import_fortios_check_file();
Command diagnose_endpoint_fctems_test_connectivity();
Command diagnose_endpoint_ec_shm_list();
Command diagnose_endpoint_record_list();
Command diagnose_endpoint_why();
Command diagnose_endpoint_fctems_json_gateway_mac_request();
Command diagnose_endpoint_lls_comm_find_uid();
Command diagnose_endpoint_lls_comm_find_ip_vdom();
Command diagnose_wad_dev_query_by_uid();
Command diagnose_wad_dev_query_by_ipv4();
Command diagnose_firewall_dynamic_list();
Command diagnose_firewall_ruleset();
Command diagnose_firewall_difference();
Command diagnose_test_application_fcnacd();
Command diagnose_ztna_denial();
Command diagnose_ztna_decision();
Command diagnose_ztna_real_server_list();
Command diagnose_ztna_session_list();
Command diagnose_ztna_session_clear_all();
Command diagnose_ztna_session_clear_id();
Command diagnose_ztna_session_clear_endpoint();
Command diagnose_ztna_session_clear_policy();
Command diagnose_ztna_session_clear_access_proxy();

}  // namespace commands

const std::vector<Command>& all_commands();

/// What a person answers; nullopt: neither y, yes, n nor no.
std::optional<bool> read_yes_or_no(std::string_view text);

/// The connector that an argument names, if it is configured; otherwise what to tell.
Result<config::ObjectView> connector_argument(const config::Snapshot& config, const std::string& argument);
/// Its number, if it has a server to be reached at too; otherwise what to tell.
Result<ConnectorId> connector_with_server(const config::Snapshot& config, const std::string& argument);

}  // namespace postern::gateway::cli
