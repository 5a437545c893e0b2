#pragma once
// Rulesets as nftables lists them, and what two of them do not have in common, for people.
#include <string>
#include <string_view>

#include "base/result.h"

namespace postern::gateway::firewall {

/// The table `inet <table>` of this network namespace, without what is counted; empty: there is none. Blocks for as long
/// as the kernel needs to tell (seconds for 100,000 elements). Thread: any. Errors: kPermissionDenied, kUnsupported,
/// kInternal.
Result<std::string> list_table(const std::string& table);
/// The same, of what `commands` would make of nothing: they are run in a network namespace that ends with the call. So both
/// texts are written alike. Errors: as above; kPermissionDenied where no namespace may be made.
Result<std::string> list_of_commands(const std::string& commands, const std::string& table);
/// Would the kernel take them? Changes nothing. Errors: as `list_table`, with what nftables says.
Status check_commands(const std::string& commands);
/// Whether somebody keeps the table's lease (the set `alive`): a gateway that runs, or ran a moment ago. Errors: as `list_table`.
Result<bool> lease_held(const std::string& table);
/// Takes the table away, if it is there, and what guards it while it is built anew. Returns whether it was. Errors: as `list_table`.
Result<bool> remove_table(const std::string& table);

/// Lines behind ' ' (which set or chain it is in), '-' (only before) or '+' (only after). Empty: the same. The order of a
/// set's elements says nothing, nor does what is in the set `alive`, the lease. Pure.
std::string listing_difference(std::string_view before, std::string_view after);

}  // namespace postern::gateway::firewall
