// postern status: how the EMS is, and who asks.
#include <fmt/format.h>

#include <boost/json.hpp>

#include "cli/commands/commands.h"
#include "cli/json_view.h"
#include "cli/listing.h"
#include "cli/moments.h"

namespace postern::cli {
namespace {

namespace json = boost::json;

/// "matching inventories: 4200 of 10000, for 3 s".
std::string work_text(const json::value& work, WallTime now) {
  const std::string kind = text_at(work, "kind");
  const std::string what = kind == "evaluate"     ? "judging tags"
                           : kind == "match"      ? "matching inventories"
                           : kind == "settle"     ? "telling who is on-fabric"
                           : kind == "read_feeds" ? "reading feeds"
                                                  : kind;
  auto out = fmt::format("{}: {} of {}", what, count_at(work, "done"), count_at(work, "total"));
  if (const auto started = time_at(work, "started_at")) out += ", for " + short_age(std::max(Millis(0), now - *started));
  return out;
}

Result<int> run_status(Session& session) {
  const auto api = session.api();
  if (!api) return fail(api.error());
  const auto ems = (*api)->get("ems");
  if (!ems) return fail(ems.error());
  if (session.as_json()) return session.print_json(*ems);
  const auto who = (*api)->get("auth/session");
  if (!who) return fail(who.error());
  const json::value nothing;
  const json::value* counts = member(*ems, "counts");
  const json::value& c = counts == nullptr ? nothing : *counts;
  const auto n = [&](std::string_view name) { return number_at(c, name).value_or(0); };
  Details details;
  details.add("EMS",
              fmt::format("{}  {}  version {}", text_at(*ems, "serial"), (*api)->connection().address.url(),
                          text_at(*ems, "version")),
              Style::kStrong);
  if (is_true(*ems, "read_only"))
    details.add("Trouble", "nothing can be changed: " + text_at(*ems, "store_error"), Style::kBad);
  details.add("Endpoints", fmt::format("{}, {} of them registered, {} online, {} in quarantine", n("endpoints"),
                                       n("registered"), n("online"), n("quarantined")));
  details.add("Gateways", fmt::format("{} connected", n("fabric_sessions")));
  if (n("pending_devices") > 0) {
    details.add("Waiting", fmt::format("{} to be authorised: postern devices --state pending", n("pending_devices")),
                Style::kWarning);
  }
  for (const json::value& work : list_at(*ems, "work")) details.add("Working", work_text(work, session.now()));
  if (const auto started = time_at(*ems, "started_at")) {
    details.add("Running since",
                fmt::format("{} ({})", moment_text(*started), age_text(std::max(Millis(0), session.now() - *started))));
  }
  details.add("Revision", count_at(*ems, "revision"));
  if (const json::value* web = member(*ems, "web_certificate")) {
    const auto until = time_at(*web, "not_after");
    details.add("Certificate", text_at(*web, "name") + (until ? ", until " + moment_text(*until) : ""));
  }
  details.add("You", fmt::format("{} ({}), token of {}", text_at(*who, "user"), text_at(*who, "role"),
                                 (*api)->connection().from));
  session.print(details.text(session.look()));
  return kDone;
}

}  // namespace

Command status_command() {
  return {.name = "status",
          .group = "The EMS",
          .summary = "Show the state of the EMS, and the account that you use",
          .details = "",
          .examples = "postern status\npostern --run-json var/run.json status\n",
          .run = run_status};
}

}  // namespace postern::cli
