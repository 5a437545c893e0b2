// postern tags, tag: what tags there are, and one of them in full.
#include <fmt/format.h>

#include <boost/json.hpp>

#include "base/text.h"
#include "cli/commands/commands.h"
#include "cli/endpoint_ref.h"
#include "cli/json_view.h"
#include "cli/listing.h"
#include "cli/moments.h"
#include "cli/tag_diff.h"

namespace postern::cli {
namespace {

namespace json = boost::json;

constexpr std::size_t kTagsShown = 1000;
constexpr std::size_t kTagEndpointsShown = 100;

Result<int> run_tags(Session& session) {
  Query query;
  for (const auto& [option, name] : {std::pair("QUERY", "q"), std::pair("--kind", "kind")}) {
    if (session.given.has(option)) query[name] = session.given.text(option);
  }
  const auto page = ask_list(session, "tags", query, kTagsShown);
  if (!page) return fail(page.error());
  Table table({{.title = "TAG", .least = 16},
               {.title = "KIND", .dispensable = 2},
               {.title = "STATE"},
               {.title = "HAVE IT", .right = true},
               {.title = "UNKNOWN", .right = true},
               {.title = "RULES", .right = true},
               {.title = "GATEWAYS", .right = true, .dispensable = 1},
               {.title = "CHANGED", .right = true, .dispensable = 3},
               {.title = "BY", .least = 6, .dispensable = 4}});
  for (const json::value& t : list_at(*page, "items")) {
    const bool built_in = is_true(t, "built_in"), enabled = is_true(t, "enabled");
    const auto unknown = number_at(t, "unknown").value_or(0);
    table.add({{text_at(t, "name"), Style::kStrong},
               text_at(t, "kind"),
               {built_in  ? "built-in"
                : enabled ? "on"
                          : "off",
                enabled || built_in ? Style::kPlain : Style::kWarning},
               count_at(t, "has"),
               {count_at(t, "unknown"), unknown > 0 ? Style::kWarning : Style::kPlain},
               std::to_string(list_at(t, "rules").size()),
               std::to_string(list_at(t, "shared_with").size()),
               since(session, t, "updated_at"),
               text_at(t, "updated_by")});
  }
  return print_list(session, *page, table, "tags");
}

Result<int> show_tag_endpoints(Session& session, const std::string& path) {
  Query query;
  if (session.given.has("--unknown")) query["state"] = "unknown";
  const auto page = ask_list(session, path + "/endpoints", query, kTagEndpointsShown);
  if (!page) return fail(page.error());
  Table table({{.title = "ENDPOINT", .least = 10},
               {.title = "UID", .least = 8, .by_beginning = true},
               {.title = "TAG"},
               {.title = "STATE"},
               {.title = "ADDRESS", .dispensable = 1},
               {.title = "SEEN", .right = true}});
  for (const json::value& e : list_at(*page, "items")) {
    const bool has = text_at(e, "state") == "has", online = is_true(e, "online");
    table.add({{endpoint_name(e), Style::kStrong},
               {text_at(e, "uid"), Style::kFaint},
               {text_at(e, "state"), has ? Style::kGood : Style::kWarning},
               is_true(e, "quarantined") ? Cell("quarantined", Style::kBad) : Cell(online ? "online" : "offline"),
               or_dash(session, text_at(e, "ip")),
               since(session, e, "last_seen")});
  }
  return print_list(session, *page, table,
                    session.given.has("--unknown") ? "endpoints of which it is unknown" : "endpoints that have it");
}

void print_rules(Session& session, const json::value& tag) {
  const json::array& rules = list_at(tag, "rules");
  if (rules.empty()) return;
  Table table({{.title = "RULE", .right = true}, {.title = "OS"}, {.title = "CONDITION", .least = 20}});
  for (const json::value& rule : rules) {
    const std::string text = rule_text(rule), os = text_at(rule, "os");
    table.add({{count_at(rule, "id"), Style::kStrong}, os, text.substr(std::min(text.size(), os.size() + 1))});
  }
  session.print("\n" + table.text(session.look()));
}

Result<int> run_tag(Session& session) {
  const auto name = segment("tag", session.given.text("TAG"));
  if (!name) return fail(name.error());
  if (session.given.has("--endpoints") || session.given.has("--unknown"))
    return show_tag_endpoints(session, "tags/" + *name);
  const auto api = session.api();
  if (!api) return fail(api.error());
  const auto tag = (*api)->get("tags/" + *name);
  if (!tag) return fail(tag.error());
  if (session.as_json()) return session.print_json(*tag);
  const Look& look = session.look();
  session.print(look.paint(Style::kStrong, one_line(text_at(*tag, "name"))) + "\n\n");
  Details details;
  const bool built_in = is_true(*tag, "built_in"), enabled = is_true(*tag, "enabled");
  details.add("State",
              built_in  ? "built-in"
              : enabled ? "on"
                        : "off: no endpoint has it",
              enabled ? Style::kGood : Style::kWarning);
  details.add("Kind", text_at(*tag, "kind"));
  details.add("Have it", count_at(*tag, "has"));
  details.add("Unknown", fmt::format("{}; a policy that denies by the tag {} them", count_at(*tag, "unknown"),
                                     text_at(*tag, "on_unknown") == "ignore" ? "spares" : "denies"));
  if (const auto delay = number_at(*tag, "loss_delay").value_or(0); delay > 0) {
    details.add("Loss delay", fmt::format("{}: who no longer matches keeps it that long", short_age(Seconds(delay))));
  }
  details.add("To its user", text_at(*tag, "message"));
  details.add("Comment", text_at(*tag, "comment"));
  details.add("Gateways", or_dash(session, join(texts_at(*tag, "shared_with"), ", ")));
  details.add("Changed", when(session, *tag, "updated_at") +
                             (text_at(*tag, "updated_by").empty() ? "" : " by " + text_at(*tag, "updated_by")));
  if (const json::value* logic = member(*tag, "logic"); logic != nullptr && logic->is_object()) {
    for (const auto& [os, text] : logic->as_object()) details.add("Logic " + std::string(os), in_a_line(text));
  }
  session.print(details.text(look));
  print_rules(session, *tag);
  return kDone;
}

}  // namespace

Command tags_command() {
  Command out{.name = "tags",
              .group = "Tags",
              .summary = "List tags, with how many endpoints have them",
              .examples = "postern tags\npostern tags --kind security\n",
              .arguments = {{"QUERY", "In the name; case does not matter", false}},
              .options = {{.names = "--kind",
                           .value = "KIND",
                           .help = "Only of this kind",
                           .choices = {"security", "classification", "fabric"}}},
              .run = run_tags};
  for (Option& option : limit_options(kTagsShown)) out.options.push_back(std::move(option));
  return out;
}

Command tag_command() {
  Command out{.name = "tag",
              .group = "Tags",
              .summary = "Show one tag with its rules, or the endpoints that have it",
              .examples =
                  "postern tag Vulnerable-Device\n"
                  "postern tag Vulnerable-Device --endpoints --all\n"
                  "postern tag Vulnerable-Device --unknown\n",
              .arguments = {{"TAG", "Its name"}},
              .options = {{"--endpoints", "", "The endpoints that have it"},
                          {"--unknown", "", "The endpoints of which nobody knows"}},
              .run = run_tag};
  for (Option& option : limit_options(kTagEndpointsShown)) out.options.push_back(std::move(option));
  return out;
}

}  // namespace postern::cli
