// postern classify, attribute: what administrators and other systems say of an endpoint.
#include <fmt/format.h>

#include <boost/json.hpp>

#include "base/text.h"
#include "cli/commands/commands.h"
#include "cli/endpoint_ref.h"
#include "cli/json_view.h"
#include "cli/listing.h"
#include "cli/moments.h"
#include "cli/shell_word.h"
#include "cli/yaml_scalar.h"

namespace postern::cli {
namespace {

namespace json = boost::json;

constexpr Seconds kLongestAttribute{366 * 24 * 3600};  // the EMS lets no attribute live longer

const Argument kClassified{"ENDPOINT", "UID, the beginning of one, or host name"};

Result<int> run_classify(Session& session) {
  if (!session.given.has("TAG") && !session.given.has("--none")) {
    return session.misused("name the tags, or --none to take all away");
  }
  if (session.given.has("TAG") && session.given.has("--none")) return session.misused("give tags or --none, not both");
  const bool add = session.given.has("--add"), remove = session.given.has("--remove");
  if ((add || remove) && (add == remove || session.given.has("--none"))) return session.misused("choose one of --add, --remove and --none");
  const auto e = find_endpoint(session, session.given.text("ENDPOINT"));
  if (!e) return fail(e.error());
  json::array tags;
  for (const std::string& tag : session.given.texts("TAG")) tags.emplace_back(tag);
  const std::string path = "endpoints/" + text_at(*e, "uid") + "/classifications";
  Api& api = **session.api();
  const auto after = add || remove ? api.patch(path, json::object{{add ? "add" : "remove", std::move(tags)}})
                                   : api.put(path, json::object{{"tags", std::move(tags)}});
  if (!after) return fail(after.error());
  if (session.as_json()) return session.print_json(*after);
  const auto now = texts_at(*after, "classifications");
  session.print(endpoint_name(*e) +
                (now.empty() ? " has no tag by hand\n" : " has by hand: " + join(now, ", ") + "\n"));
  return kDone;
}

/// All; with a name that one, which has to be set.
Result<int> list_attributes(Session& session, const std::string& path, const std::string& of, const std::string& only) {
  auto page = ask_list(session, path, {}, 1000);
  if (!page) return fail(page.error());
  if (!only.empty()) {
    json::array& items = page->as_object().at("items").as_array();
    for (auto it = items.begin(); it != items.end();) it = text_at(*it, "name") == only ? it + 1 : items.erase(it);
    if (items.empty()) {
      return fail(ErrorCode::kNotFound, fmt::format("the attribute {2} of {3} is not set; set it with postern attribute {1} {0} "
                                                    "VALUE, see all that are with postern attribute {1}",
                                                    shell_word(one_line(only)), shell_word(of), one_line(only), of));
    }
    if (page->as_object().contains("total")) page->as_object()["total"] = 1;
  }
  Table table({{.title = "ATTRIBUTE", .least = 12},
               {.title = "VALUE", .least = 8},
               {.title = "SET", .right = true},
               {.title = "BY", .least = 8},
               {.title = "HOLDS UNTIL"}});
  for (const json::value& a : list_at(*page, "items")) {
    const json::value* value = member(a, "value");
    const bool expired = is_true(a, "expired");
    table.add({{text_at(a, "name"), Style::kName},
               value == nullptr ? "" : in_a_line(*value),
               since(session, a, "set_at"),
               text_at(a, "set_by"),
               {member(a, "expires_at") == nullptr ? "it is set again"
                                                   : when(session, a, "expires_at") + (expired ? " (over)" : ""),
                expired ? Style::kWarning : Style::kPlain}});
  }
  return print_list(session, *page, table, "attributes");
}

Result<int> run_attribute(Session& session) {
  const Given& given = session.given;
  if (given.has("--remove") && (given.has("VALUE") || !given.has("NAME")))
    return session.misused("--remove goes with NAME alone");
  json::object body;
  if (given.has("VALUE")) {
    const auto value = scalar_value(given.text("VALUE"), given.has("--text") ? "!" : "?");
    if (!value || value->is_double() || value->is_null())
      return session.misused("VALUE: a whole number, true, false or a text");
    body["value"] = *value;
  }
  if (given.has("--expires")) {
    const auto left = parse_time_left(given.text("--expires"), session.now(), kLongestAttribute);
    if (!left) return session.misused("--expires: " + left.error().message);
    body["expires_in"] = left->count();
  }
  const auto e = find_endpoint(session, given.text("ENDPOINT"));
  if (!e) return fail(e.error());
  const std::string path = "endpoints/" + text_at(*e, "uid") + "/attributes";
  if (!given.has("VALUE") && !given.has("--remove")) return list_attributes(session, path, endpoint_name(*e), given.text("NAME"));
  const auto name = segment("attribute", given.text("NAME"));
  if (!name) return fail(name.error());
  Api& api = **session.api();
  if (given.has("--remove")) {
    if (auto gone = api.remove(path + "/" + *name); !gone) return fail(gone.error());
    if (session.as_json()) return session.print_json(json::object{{"name", given.text("NAME")}, {"removed", true}});
    session.print(fmt::format("{} of {} is gone\n", *name, endpoint_name(*e)));
    return kDone;
  }
  const auto after = api.put(path + "/" + *name, body);
  if (!after) return fail(after.error());
  if (session.as_json()) return session.print_json(*after);
  session.print(fmt::format("{} of {} is {}\n", *name, endpoint_name(*e), in_a_line(body.at("value"))));
  return kDone;
}

}  // namespace

Command classify_command() {
  return {.name = "classify",
          .group = "Endpoints",
          .summary = "Give an endpoint exactly these classification tags by hand, or add or remove some",
          .examples =
              "postern classify laptop7 Managed Berlin\n"
              "postern classify laptop7 --add Kiosk\n"
              "postern classify laptop7 --remove Berlin\n"
              "postern classify laptop7 --none\n",
          .arguments = {kClassified, {"TAG", "Classification tags without rules", false, true}},
          .options = {{"--add", "", "Give these too; what it has stays"},
                      {"--remove", "", "Take these away; the others stay"},
                      {"--none", "", "Take all away"}},
          .run = run_classify};
}

Command attribute_command() {
  return {.name = "attribute",
          .group = "Endpoints",
          .summary = "Show or set what other systems know of an endpoint, such as a score",
          .details = "Numbers, true and false are taken as such; scores are called score.<provider> and are 0 to 100.",
          .examples =
              "postern attribute laptop7\n"
              "postern attribute laptop7 owner\n"
              "postern attribute laptop7 score.edr 85 --expires 1d\n"
              "postern attribute laptop7 owner 'J. Doe'\n"
              "postern attribute laptop7 owner --remove\n",
          .arguments = {kClassified, {"NAME", "Of the attribute", false}, {"VALUE", "What it is from now on", false}},
          .options = {{"--expires", "WHEN", "From then on, at most 366 days away, it is unknown: " + std::string(kUntilForms)},
                      {"--text", "", "VALUE is a text, whatever it looks like"},
                      {"--remove", "", "Remove it"}},
          .run = run_attribute};
}

}  // namespace postern::cli
