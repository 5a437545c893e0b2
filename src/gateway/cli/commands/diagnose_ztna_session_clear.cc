#include <fmt/format.h>

#include "gateway/cli/commands/command.h"

namespace postern::gateway::cli::commands {
namespace {

using By = SessionChoice::By;

void clear_sessions(const CommandContext& c, By by) {
  const SessionChoice which{by, c.arguments.empty() ? std::string() : c.arguments[0]};
  c.operations.clear_sessions(which, c.user, [c, by](const Result<ClearedSessions>& cleared) {
    if (!c.alive()) return;
    if (!cleared) return c.fail(cleared.error().message);
    const auto what = by == By::kPolicy ? "request" : "connection";
    auto said = fmt::format("{} {}{} ended{}.\n", cleared->ended, what, cleared->ended == 1 ? "" : "s",
                            cleared->silent > 0 ? ", as far as is known" : "");
    if (cleared->silent > 0) {
      said += fmt::format("{} of nginx's workers did not answer: diagnose ztna session list shows what is still open.\n",
                          cleared->silent);
    }
    c.print(std::move(said));
  });
}

Command clear_by(std::string word, std::string help, std::vector<Candidate> arguments, By by) {
  return {"diagnose ztna session clear " + std::move(word), std::move(help), std::move(arguments),
          [by](const CommandContext& c) { clear_sessions(c, by); }};
}

}  // namespace

Command diagnose_ztna_session_clear_all() {
  return clear_by("all", "End all sessions through access proxies. Clients may connect anew.", {}, By::kAll);
}

Command diagnose_ztna_session_clear_id() {
  return clear_by("id", "End the connections of one line of diagnose ztna session list.",
                  {{"<id>", "As the list prints it behind Session."}}, By::kId);
}

Command diagnose_ztna_session_clear_endpoint() {
  return clear_by("endpoint", "End all sessions of an endpoint.", {{"<endpoint>", "Its UID or host name."}}, By::kEndpoint);
}

Command diagnose_ztna_session_clear_policy() {
  return clear_by("policy", "End the requests that a policy let through; other requests on their connections go on.",
                  {{"<policyid>", "Number of the proxy policy."}}, By::kPolicy);
}

Command diagnose_ztna_session_clear_access_proxy() {
  return clear_by("access-proxy", "End all sessions through an access proxy.",
                  {{"<access-proxy>", "Its name."}}, By::kAccessProxy);
}

}  // namespace postern::gateway::cli::commands
