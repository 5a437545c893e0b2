#include <boost/json.hpp>

#include "gateway/cli/commands/command.h"
#include "gateway/cli/denial_text.h"

namespace postern::gateway::cli::commands {
namespace {

namespace json = boost::json;

void show_denial(const CommandContext& c) {
  c.operations.find_denial(c.arguments[0], [c](Result<std::string> found) {
    if (!c.alive()) return;
    if (!found) return c.fail(found.error().message);
    boost::system::error_code error;
    const auto line = json::parse(*found, error);
    if (error || !line.is_object()) return c.fail("the line of this denial in the traffic log is damaged");
    c.print(denial_text(line.get_object()));
  });
}

}  // namespace

Command diagnose_ztna_denial() {
  return {"diagnose ztna denial",
          "Explain why an access proxy refused a request or cut a session.",
          {{"<id>", "As it stands on the denial page, such as K7QM-2D9F."}},
          show_denial};
}

}  // namespace postern::gateway::cli::commands
