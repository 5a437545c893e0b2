// postern why: has this endpoint this tag, and why.
#include <boost/json.hpp>

#include "base/ids.h"
#include "cli/commands/commands.h"
#include "cli/endpoint_ref.h"
#include "cli/json_view.h"
#include "cli/moments.h"
#include "cli/why_view.h"

namespace postern::cli {
namespace {

namespace json = boost::json;

Result<int> run_why(Session& session) {
  const auto name = segment("tag", session.given.text("TAG"));
  if (!name) return fail(name.error());
  Query query;
  if (session.given.has("--at")) {
    const auto moment = parse_moment(session.given.text("--at"), session.now());
    if (!moment) return session.misused("--at: " + moment.error().message);
    query["at"] = to_iso8601(*moment);
  }
  const auto endpoint = find_endpoint(session, session.given.text("ENDPOINT"));
  if (!endpoint) return fail(endpoint.error());
  Api& api = **session.api();
  const auto why = api.get("endpoints/" + text_at(*endpoint, "uid") + "/tags/" + *name + "/why", query);
  if (!why) return fail(why.error());
  if (session.as_json()) return session.print_json(*why);
  const auto tag = api.get("tags/" + *name);
  if (!tag && tag.error().code != ErrorCode::kNotFound) return fail(tag.error());
  session.print(
      why_text(session.look(),
               {.why = *why, .endpoint = *endpoint, .tag = tag ? &*tag : nullptr, .past = query.contains("at")}));
  return kDone;
}

}  // namespace

Command why_command() {
  return {.name = "why",
          .group = "Tags",
          .summary = "Say why an endpoint has a tag or not, now or at a past moment",
          .details =
              "First the verdict, then the rules that decide it with what they read, how old that is and where it is "
              "from,\n"
              "then the others in short, the logic, and what would change it.",
          .examples =
              "postern why laptop7 Compliant\n"
              "postern why laptop7 Compliant --at -2h\n"
              "postern why 7F4704E4 Vulnerable-Device --at '2026-11-26 10:00'\n"
              "postern why laptop7 Compliant --at 10:05 --json\n",
          .arguments = {{"ENDPOINT", "UID, the beginning of one, or host name"}, {"TAG", "Its name"}},
          .options = {{"--at", "TIME",
                       "As it was then: -2h, 10:05, yesterday, '2026-11-26 10:00' (local time), 2026-11-26T10:00:00Z"}},
          .run = run_why};
}

}  // namespace postern::cli
