// postern profiles, feeds: lists that are only shown.
#include <fmt/format.h>

#include <boost/json.hpp>

#include "base/text.h"
#include "cli/commands/commands.h"
#include "cli/json_view.h"
#include "cli/listing.h"
#include "cli/moments.h"

namespace postern::cli {
namespace {

namespace json = boost::json;

constexpr std::size_t kProfilesShown = 100;

/// "37 B", "1.2 MB".
std::string bytes_text(std::int64_t bytes) {
  if (bytes < 1000) return fmt::format("{} B", bytes);
  if (bytes < 1'000'000) return fmt::format("{:.1f} kB", static_cast<double>(bytes) / 1e3);
  return fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6);
}

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

/// What becomes of it now, and whether it is in force meanwhile.
Cell feed_state(const json::value& feed) {
  const std::string state = text_at(feed, "state");
  const bool used = is_true(feed, "in_use"), failed = !text_at(feed, "error").empty();
  const std::string now = state == "fetching"  ? "fetching, " + bytes_text(number_at(feed, "fetched_bytes").value_or(0))
                          : state == "reading" ? "reading"
                          : failed             ? "failed"
                                               : "";
  if (now.empty()) return {used ? "in use" : "nothing read yet", used ? Style::kGood : Style::kWarning};
  return {(used ? "in use; " : "") + now, now == "failed" ? Style::kBad : used ? Style::kGood : Style::kWarning};
}

/// What a line of the table has no room for.
std::vector<std::string> feed_notes(const json::value& feed) {
  std::vector<std::string> out;
  const std::string name = one_line(text_at(feed, "name")), error = one_line(text_at(feed, "error")), state = text_at(feed, "state");
  if (!error.empty()) out.push_back(name + (state == "failed" || state == "idle" ? ": " : ": before that: ") + error);
  if (const auto left_out = number_at(feed, "left_out").value_or(0); left_out > 0) {
    out.push_back(fmt::format("{}: {} record{} left out, such as: {}", name, left_out, left_out == 1 ? "" : "s",
                              one_line(text_at(feed, "left_out_example"))));
  }
  return out;
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
    table.add({{text_at(f, "name"), Style::kStrong},
               or_dash(session, text_at(f, "kind")),
               count_at(f, "records"),
               or_dash(session, text_at(f, "data_date").substr(0, 10)),
               since(session, f, "loaded_at"),
               feed_state(f)});
  }
  const int done = print_list(session, *page, table, "vulnerability feeds: nothing is matched (postern feed NAME URL adds one)");
  if (session.as_json()) return done;
  for (const json::value& f : list_at(*page, "items")) {
    for (const std::string& note : feed_notes(f)) session.print(note + "\n");
  }
  return done;
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
              .group = "Vulnerabilities",
              .summary = "List vulnerability feeds, with their age and what is wrong with them",
              .details = "",
              .examples = "postern feeds\n",
              .run = run_feeds};
  out.options = limit_options(kProfilesShown);
  return out;
}

}  // namespace postern::cli
