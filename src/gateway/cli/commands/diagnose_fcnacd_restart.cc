#include "gateway/cli/commands/diagnose_fcnacd.h"

namespace postern::gateway::cli::commands {
namespace {

void restart(const CommandContext& c) {
  c.operations.restart_connectors([c](std::vector<EmsAnswer> answers) {
    if (!c.alive()) return;
    std::string out =
        "Each connection to an EMS was closed and opened anew. What the EMSs said before\n"
        "stays in force until then, as in an outage.\n";
    for (const auto& answer : answers) out += fcnacd_answer(answer, "connected again");
    if (answers.empty()) out = "No EMS is configured (config endpoint-control fctems).\n";
    c.print(std::move(out));
  });
}

}  // namespace

FcnacdTest fcnacd_restart() {
  return {"99", "Restart the fabric connectors: close each connection and open it anew.", restart};
}

}  // namespace postern::gateway::cli::commands
