// postern invite: what an agent enrols with.
#include <fmt/format.h>

#include <boost/json.hpp>

#include "cli/commands/commands.h"
#include "cli/json_view.h"
#include "cli/moments.h"

namespace postern::cli {
namespace {

constexpr Seconds kLongestInvitation{365 * 24 * 3600};  // the EMS takes no more

Result<int> run_invite(Session& session) {
  const Given& given = session.given;
  boost::json::object body;
  if (given.has("--expires")) {
    const auto left = parse_time_left(given.text("--expires"), session.now(), kLongestInvitation);
    if (!left) return session.misused("--expires: " + left.error().message);
    body["expires_in"] = left->count();
  }
  if (given.has("--uses")) body["max_uses"] = given.number("--uses", 1);
  if (given.has("--note")) body["note"] = given.text("--note");
  const auto api = session.api();
  if (!api) return fail(api.error());
  const auto made = (*api)->post("invitations", body);
  if (!made) return fail(made.error());
  if (session.as_json()) return session.print_json(*made);
  session.print(text_at(*made, "invitation") + "\n");
  const auto expires = time_at(*made, "expires_at");
  const auto uses = number_at(*made, "max_uses").value_or(1);
  session.say(fmt::format("For {}{}. On the endpoint: postern-agent enrol -",
                          uses == 1 ? "one endpoint" : fmt::format("{} endpoints", uses),
                          expires ? ", until " + moment_text(*expires) : ""));
  return kDone;
}

}  // namespace

Command invite_command() {
  return {.name = "invite",
          .group = "Endpoints",
          .summary = "Make an invitation for agents to enrol with",
          .details = "The text goes to standard output and is shown this once.",
          .examples =
              "postern invite --note 'laptop of J. Doe'\n"
              "postern invite --uses 200 --expires 14d > invitation\n"
              "postern invite --uses 30 --expires 2026-12-31 > invitation\n",
          .options = {{.names = "--uses", .value = "N", .help = "Endpoints that may enrol with it (1)", .number = Whole{}},
                      {"--expires", "WHEN", "Until then, at most 365 days (7d): " + std::string(kUntilForms)},
                      {"--note", "TEXT", "For administrators"}},
          .run = run_invite};
}

}  // namespace postern::cli
