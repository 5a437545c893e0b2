// postern quarantine, unquarantine, deregister: what is done to one endpoint.
#include <fmt/format.h>

#include <boost/json.hpp>

#include "cli/commands/commands.h"
#include "cli/endpoint_ref.h"
#include "cli/json_view.h"

namespace postern::cli {
namespace {

namespace json = boost::json;

const Argument kWhichEndpoint{"ENDPOINT", "UID, the beginning of one, or host name"};

Result<int> act(Session& session, const std::string& action, const json::value& body, std::string_view told) {
  const auto e = find_endpoint(session, session.given.text("ENDPOINT"));
  if (!e) return fail(e.error());
  const auto after = (*session.api())->post("endpoints/" + text_at(*e, "uid") + "/" + action, body);
  if (!after) return fail(after.error());
  if (session.as_json()) return session.print_json(*after);
  session.print(fmt::format("{} {}\n", endpoint_name(*e), told));
  return kDone;
}

Result<int> run_quarantine(Session& session) {
  json::object body;
  if (session.given.has("--reason")) body["reason"] = session.given.text("--reason");
  return act(session, "quarantine", body, "is in quarantine: no policy lets it through, and what was open is cut");
}

Result<int> run_unquarantine(Session& session) {
  return act(session, "unquarantine", json::object(), "is released from quarantine: its tags count again");
}

Result<int> run_deregister(Session& session) {
  const auto e = find_endpoint(session, session.given.text("ENDPOINT"));
  if (!e) return fail(e.error());
  if (!session.given.has("--yes")) {
    if (!session.look().interactive) {
      return session.misused("deregistering can't be undone from here; add --yes to say that it is meant");
    }
    const auto sure = session.terminal.agreed(
        fmt::format("Deregister {} ({})? It has to enrol again. [y/N] ", endpoint_name(*e), text_at(*e, "uid")));
    if (!sure) return fail(sure.error());
    if (!*sure) {
      session.say("nothing was done");
      return kFailed;
    }
  }
  const auto after = (*session.api())->post("endpoints/" + text_at(*e, "uid") + "/deregister", json::object());
  if (!after) return fail(after.error());
  if (session.as_json()) return session.print_json(*after);
  session.print(endpoint_name(*e) + " is deregistered: it is refused until it enrols again\n");
  return kDone;
}

}  // namespace

Command quarantine_command() {
  return {.name = "quarantine",
          .group = "Endpoints",
          .summary = "Let no policy admit an endpoint until it is released",
          .details = "It has reached the gateways when the command ends.",
          .examples = "postern quarantine laptop7 --reason 'stolen, ticket 4711'\n",
          .arguments = {kWhichEndpoint},
          .options = {{"--reason", "TEXT", "For administrators and the audit log"}},
          .run = run_quarantine};
}

Command unquarantine_command() {
  return {.name = "unquarantine",
          .group = "Endpoints",
          .summary = "Release an endpoint from quarantine",
          .details = "",
          .examples = "postern unquarantine laptop7\n",
          .arguments = {kWhichEndpoint},
          .run = run_unquarantine};
}

Command deregister_command() {
  return {.name = "deregister",
          .group = "Endpoints",
          .summary = "End an endpoint's registration; it is refused until it enrols again",
          .details = "Asks first, where there is a terminal; elsewhere --yes is demanded.",
          .examples = "postern deregister laptop7\n",
          .arguments = {kWhichEndpoint},
          .options = {{"-y,--yes", "", "Don't ask"}},
          .run = run_deregister};
}

}  // namespace postern::cli
