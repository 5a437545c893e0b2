#pragma once
// All commands: one file each in this folder, and one line here and in commands.cc.
#include <vector>

#include "cli/command.h"

namespace postern::cli {

Command endpoints_command();
Command endpoint_command();
Command quarantine_command();
Command unquarantine_command();
Command deregister_command();
Command classify_command();
Command attribute_command();
Command invite_command();

Command tags_command();
Command tag_command();
Command why_command();
Command what_if_command();
Command apply_command();
Command export_command();
Command undo_command();

Command devices_command();
Command authorise_command();

Command destinations_command();
Command add_destination_command();
Command change_destination_command();
Command remove_destination_command();

Command feeds_command();
Command feed_command();
Command risks_command();
Command risk_command();
Command accept_risk_command();
Command revoke_risk_command();

Command status_command();
Command profiles_command();
Command audit_command();
Command changes_command();

Command login_command();
Command logout_command();
Command contexts_command();

/// In the order in which --help lists them.
const std::vector<Command>& all_commands();

}  // namespace postern::cli
