// postern profiles, feeds: lists that are only shown.
#include <boost/json.hpp>

#include "cli/commands/commands.h"
#include "cli/json_view.h"
#include "cli/listing.h"
#include "cli/moments.h"

namespace postern::cli {
namespace {

namespace json = boost::json;

constexpr std::size_t kProfilesShown = 100;

Result<int> run_profiles(Session& session) {
  const auto page = ask_list(session, "profiles", {}, kProfilesShown);
  if (!page) return fail(page.error());
  Table table({{.title = "PROFILE"},
               {.title = "SHOWS TAGS"},
               {.title = "VULNERABILITY SCAN"},
               {.title = "INVENTORY EVERY", .right = true},
               {.title = "COMMENT", .least = 10}});
  for (const json::value& p : list_at(*page, "items")) {
    table.add({{text_at(p, "name"), Style::kStrong},
               is_true(p, "show_security_posture_tag") ? "yes" : "no",
               is_true(p, "vulnerability_scan") ? "on" : "off",
               short_age(Seconds(number_at(p, "inventory_interval_s").value_or(0))),
               text_at(p, "comment")});
  }
  return print_list(session, *page, table, "endpoint profiles");
}

Result<int> run_feeds(Session& session) {
  const auto page = ask_list(session, "feeds", {}, kProfilesShown);
  if (!page) return fail(page.error());
  Table table({{.title = "FEED", .least = 20},
               {.title = "KIND"},
               {.title = "RECORDS", .right = true},
               {.title = "DATA OF", .dispensable = 1},
               {.title = "READ", .right = true},
               {.title = "STATE", .least = 12}});
  for (const json::value& f : list_at(*page, "items")) {
    const std::string error = text_at(f, "error"), state = text_at(f, "state");
    const bool busy = state == "fetching" || state == "reading", used = is_true(f, "in_use");
    const Cell ok(busy ? state : used ? "in use" : "nothing read yet", used ? Style::kGood : Style::kWarning);
    table.add({{text_at(f, "name"), Style::kStrong},
               or_dash(session, text_at(f, "kind")),
               count_at(f, "records"),
               or_dash(session, text_at(f, "data_date").substr(0, 10)),
               since(session, f, "loaded_at"),
               error.empty() ? ok : Cell((used ? "in use, but: " : "") + error, Style::kBad)});
  }
  return print_list(session, *page, table, "vulnerability feeds: nothing is matched (postern feed NAME URL adds one)");
}

}  // namespace

Command profiles_command() {
  Command out{.name = "profiles",
              .group = "The EMS",
              .summary = "List endpoint profiles",
              .details = "",
              .examples = "postern profiles\n",
              .run = run_profiles};
  out.options = limit_options(kProfilesShown);
  return out;
}

Command feeds_command() {
  Command out{.name = "feeds",
              .group = "The EMS",
              .summary = "List vulnerability feeds, with their age and what is wrong with them",
              .details = "",
              .examples = "postern feeds\n",
              .run = run_feeds};
  out.options = limit_options(kProfilesShown);
  return out;
}

}  // namespace postern::cli
