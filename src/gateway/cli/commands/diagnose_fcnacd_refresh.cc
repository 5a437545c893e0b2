#include <fmt/format.h>

#include "gateway/cli/commands/diagnose_fcnacd.h"
#include "gateway/cli/lines.h"

namespace postern::gateway::cli::commands {
namespace {

void refresh(const CommandContext& c) {
  c.operations.refresh_connectors([c](std::vector<EmsAnswer> answers) {
    if (!c.alive()) return;
    std::string out = "Each EMS was asked for everything that it tells this gateway:\n";
    for (const auto& answer : answers) out += fcnacd_answer(answer, "answered");
    if (answers.empty()) out = "No EMS is configured (config endpoint-control fctems).\n";
    c.print(std::move(out));
  });
}

}  // namespace

std::string fcnacd_answer(const EmsAnswer& answer, const std::string& verb) {
  const auto who = answer.name.empty() ? fmt::format("EMS {}", answer.id) : fmt::format("EMS {} ({})", answer.id, answer.name);
  if (!answer.trouble.empty()) return printable(fmt::format("{}: {}", who, answer.trouble)) + '\n';
  const auto ms = static_cast<double>(answer.took.count()) / 1000.0;
  return printable(fmt::format("{}: {} after {:.1f} ms: endpoints {}, tags {}, revision {}", who, verb, ms,
                               answer.endpoints, answer.tags, answer.revision)) + '\n';
}

FcnacdTest fcnacd_refresh() {
  return {"5", "Ask each EMS now for everything that it tells this gateway.", refresh};
}

}  // namespace postern::gateway::cli::commands
