// postern feed: add a vulnerability feed, change where it comes from, look at its source now, remove it.
#include <fmt/format.h>

#include <boost/json.hpp>

#include "base/text.h"
#include "cli/commands/commands.h"
#include "cli/json_view.h"
#include "cli/moments.h"

namespace postern::cli {
namespace {

namespace json = boost::json;

bool is_url(std::string_view source) { return source.starts_with("https://") || source.starts_with("http://"); }

/// Adds the feed of that name, or changes it.
Result<int> save_feed(Session& session, const std::string& name, const std::string& source) {
  json::object body{{is_url(source) ? "url" : "path", source}};
  if (session.given.has("--every")) {
    const auto span = parse_span(session.given.text("--every"));
    if (!span) return session.misused("--every: " + span.error().message);
    body["interval_s"] = span->count();
  }
  Api& api = **session.api();
  auto before = api.get("feeds/" + name);
  if (!before && before.error().code != ErrorCode::kNotFound) return fail(before.error());
  if (!before) body["name"] = session.given.text("NAME");
  const auto after = before ? api.patch("feeds/" + name, body) : api.post("feeds", body);
  if (!after) return fail(after.error());
  if (session.as_json()) return session.print_json(*after);
  session.print(fmt::format("the feed {} {} {}; postern feeds shows what becomes of it\n", one_line(session.given.text("NAME")),
                            before ? "now comes from" : "is added, from", one_line(source)));
  return kDone;
}

Result<int> run_feed(Session& session) {
  const Given& given = session.given;
  const bool remove = given.has("--remove"), refresh = given.has("--refresh"), source = given.has("SOURCE");
  if (int(remove) + int(refresh) + int(source) != 1) {
    return session.misused("say where it comes from (SOURCE), or --refresh, or --remove");
  }
  if (given.has("--every") && !source) return session.misused("--every goes with SOURCE");
  const auto name = segment("feed", given.text("NAME"));
  if (!name) return fail(name.error());
  const auto api = session.api();
  if (!api) return fail(api.error());
  if (source) return save_feed(session, *name, given.text("SOURCE"));
  const std::string shown = one_line(given.text("NAME"));
  if (remove) {
    if (auto gone = (*api)->remove("feeds/" + *name); !gone) return fail(gone.error());
    if (session.as_json()) return session.print_json(json::object{{"name", given.text("NAME")}, {"removed", true}});
    session.print("the feed " + shown + " is gone, and what it said\n");
    return kDone;
  }
  const auto looked = (*api)->post("feeds/" + *name + "/refresh", json::object());
  if (!looked) return fail(looked.error());
  if (session.as_json()) return session.print_json(*looked);
  session.print("the EMS looks at the source of " + shown + " now; postern feeds shows what becomes of it\n");
  return kDone;
}

}  // namespace

Command feed_command() {
  return {.name = "feed",
          .group = "Vulnerabilities",
          .summary = "Add a vulnerability feed, change where it comes from, or remove it",
          .details =
              "SOURCE is an https URL, or the whole path of a file on the EMS's machine. What it is (OSV, Debian's tracker,\n"
              "CISA's KEV, EPSS) is told by what stands in it. It is fetched at once, and again every 6 hours.",
          .examples =
              "postern feed debian https://security-tracker.debian.org/tracker/data/json\n"
              "postern feed kev https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json --every 1d\n"
              "postern feed debian /mnt/feeds/debian.json\n"
              "postern feed kev --refresh\n"
              "postern feed kev --remove\n",
          .arguments = {{"NAME", "Letters, digits, dots, hyphens, underscores"},
                        {"SOURCE", "Its URL, or a file on the EMS's machine", false}},
          .options = {{"--every", "SPAN", "Between two looks at the source: such as 30m or 1d (6h in a new one)"},
                      {"--refresh", "", "Look at its source now"},
                      {"--remove", "", "Remove it and what it said"}},
          .run = run_feed};
}

}  // namespace postern::cli
