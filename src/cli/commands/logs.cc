// postern audit, changes: who did what, and what became of it.
#include <fmt/format.h>

#include <boost/json.hpp>

#include "base/ids.h"
#include "base/text.h"
#include "cli/commands/commands.h"
#include "cli/json_view.h"
#include "cli/listing.h"

namespace postern::cli {
namespace {

namespace json = boost::json;

constexpr std::size_t kAuditShown = 50;
constexpr std::int64_t kChangesShown = 20;
constexpr int kWaitSeconds = 50;

Result<int> run_audit(Session& session) {
  const auto page = ask_list(session, "audit", {}, kAuditShown);
  if (!page) return fail(page.error());
  Table table({{.title = "WHEN"},
               {.title = "WHO", .least = 10},
               {.title = "FROM", .dispensable = 1},
               {.title = "ACTION"},
               {.title = "OBJECT", .least = 10},
               {.title = "DETAIL", .least = 10}});
  for (const json::value& e : list_at(*page, "items")) {
    table.add({when(session, e, "at"),
               {text_at(e, "actor"), Style::kStrong},
               or_dash(session, text_at(e, "source")),
               {text_at(e, "action"), Style::kName},
               text_at(e, "object"),
               text_at(e, "detail")});
  }
  return print_list(session, *page, table, "entries");
}

/// One line per change: it is watched as it grows, so nothing is aligned to what comes later.
void print_change(Session& session, const json::value& change) {
  const Look& look = session.look();
  if (session.as_json()) {
    session.print_json(change);
    return;
  }
  const json::value* what = member(change, "change");
  std::string key = one_line(text_at(change, "key"));
  if (look.width != 0) key = !parse_endpoint_uid(key).empty() ? cut_off(key, 8) : shortened(look, key, 24);
  std::string at = when(session, change, "at");
  if (look.width != 0 && at.size() > 5) at.erase(0, 5);  // nobody watches for a year
  const std::string head = fmt::format("{} {:>6}  {}  {}", at, count_at(change, "revision"),
                                       padded(text_at(change, "kind"), 13), padded(key, 8));
  const std::string rest = what == nullptr ? "" : change_text(look, *what);
  const std::size_t used = columns_of(head) + 2;
  const std::string shown = look.width == 0 ? rest : shortened(look, rest, look.width > used ? look.width - used : 0);
  session.print(head + "  " + look.paint(Style::kFaint, shown) + "\n");
}

Result<int> run_changes(Session& session) {
  const auto api = session.api();
  if (!api) return fail(api.error());
  const bool follow = session.given.has("--follow");
  std::int64_t after = 0;
  if (session.given.has("--after")) {
    after = static_cast<std::int64_t>(session.given.number("--after", 0));
  } else {
    const auto ems = (*api)->get("ems");
    if (!ems) return fail(ems.error());
    const auto newest = number_at(*ems, "revision").value_or(0);
    after =
        std::max<std::int64_t>(0, newest - static_cast<std::int64_t>(session.given.number("--limit", kChangesShown)));
  }
  Query query;
  if (session.given.has("--key")) query["key"] = session.given.text("--key");
  (*api)->set_patience(std::chrono::seconds(kWaitSeconds + 30));
  for (bool wait = false;;) {
    query["after"] = std::to_string(after);
    query["limit"] = "1000";
    if (wait) query["wait"] = std::to_string(kWaitSeconds);
    const auto page = (*api)->get("changes", query);
    if (!page) return fail(page.error());
    if (session.as_json() && !follow) return session.print_json(*page);
    for (const json::value& change : list_at(*page, "items")) print_change(session, change);
    const auto next = number_at(*page, "next_after");
    if (!next) return fail(ErrorCode::kDataLoss, "the EMS did not say where the change log goes on");
    after = *next;
    const bool more = member(*page, "next_cursor") != nullptr;
    if (!more && !follow) return kDone;
    wait = !more;
  }
}

}  // namespace

Command audit_command() {
  Command out{.name = "audit",
              .group = "The EMS",
              .summary = "Show who did what, newest first",
              .details = "",
              .examples = "postern audit\npostern audit --all | grep tag.save\n",
              .run = run_audit};
  out.options = limit_options(kAuditShown);
  return out;
}

Command changes_command() {
  return {.name = "changes",
          .group = "The EMS",
          .summary = "Show what changed, oldest first, and go on as it changes",
          .details = "Every change has a number (its revision). With --json and --follow: one JSON object per line.",
          .examples =
              "postern changes --follow\n"
              "postern changes --key Vulnerable-Device --limit 1000\n"
              "postern changes --after 4711 --json\n",
          .options = {{"--follow", "", "Wait for more, until Ctrl-C"},
                      {.names = "--after", .value = "REVISION", .help = "Those after this one; 0: all that are kept", .number = Whole{0, INT64_MAX}},
                      {.names = "--limit", .value = "N", .help = "Begin with the newest N (20)", .number = Whole{}},
                      {"--key", "KEY", "Only of this UID, tag or serial number"}},
          .run = run_changes};
}

}  // namespace postern::cli
