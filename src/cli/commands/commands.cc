#include "cli/commands/commands.h"

namespace postern::cli {

const std::vector<Command>& all_commands() {
  static const std::vector<Command> kAll{
      endpoints_command(), endpoint_command(),    quarantine_command(),  unquarantine_command(), deregister_command(),
      classify_command(),  attribute_command(),   invite_command(),      tags_command(),         tag_command(),
      why_command(),       what_if_command(),     apply_command(),       export_command(),       undo_command(),
      feeds_command(),     feed_command(),        risks_command(),       risk_command(),         accept_risk_command(),
      revoke_risk_command(), devices_command(),   authorise_command(),   destinations_command(), add_destination_command(),
      change_destination_command(), remove_destination_command(), status_command(), profiles_command(),
      audit_command(),     changes_command(),     login_command(),       logout_command(),       contexts_command()};
  return kAll;
}

}  // namespace postern::cli
