// postern endpoints: who there is.
#include <boost/json.hpp>

#include "base/text.h"
#include "cli/commands/commands.h"
#include "cli/endpoint_ref.h"
#include "cli/json_view.h"
#include "cli/listing.h"

namespace postern::cli {
namespace {

namespace json = boost::json;

constexpr std::size_t kEndpointsShown = 100;

Cell state_cell(const json::value& e) {
  if (!is_true(e, "registered")) return {text_at(e, "registration"), Style::kFaint};
  if (is_true(e, "quarantined")) return {"quarantined", Style::kBad};
  return is_true(e, "online") ? Cell("online", Style::kGood) : Cell("offline", Style::kFaint);
}

std::string tags_text(const json::value& e) {
  std::vector<std::string> tags = texts_at(e, "tags");
  for (const std::string& tag : texts_at(e, "unknown_tags")) tags.push_back(tag + "?");
  std::erase(tags, "all_registered_clients");
  return join(tags, ", ");
}

/// "Debian GNU/Linux 12" of "Debian GNU/Linux 12 (bookworm), 64-bit (kernel …)".
std::string system_name(const Session& session, const json::value& e) {
  const std::string whole = text_at(e, "os_version");
  return session.look().width == 0 ? whole : whole.substr(0, whole.find(" ("));
}

Cell findings_cell(const Session& session, const json::value& e) {
  const json::value* v = member(e, "vulnerabilities");
  if (v == nullptr) return {std::string(session.look().dash()), Style::kFaint};
  const auto critical = number_at(*v, "critical").value_or(0), high = number_at(*v, "high").value_or(0);
  return {std::to_string(critical) + "/" + std::to_string(high), critical + high > 0 ? Style::kBad : Style::kPlain};
}

Result<int> run_endpoints(Session& session) {
  const Given& given = session.given;
  if (given.has("--online") && given.has("--offline")) return session.misused("give --online or --offline, not both");
  Query query;
  for (const auto& [option, name] :
       {std::pair("QUERY", "q"), std::pair("--tag", "tag"), std::pair("--os", "os"), std::pair("--sort", "sort")}) {
    if (given.has(option)) query[name] = given.text(option);
  }
  if (given.has("--online") || given.has("--offline")) query["online"] = given.has("--online") ? "true" : "false";
  if (given.has("--quarantined")) query["quarantined"] = "true";
  const auto page = ask_list(session, "endpoints", query, kEndpointsShown);
  if (!page) return fail(page.error());
  Table table({{.title = "ENDPOINT", .least = 10},
               {.title = "UID", .least = 8, .by_beginning = true},
               {.title = "STATE"},
               {.title = "ADDRESS", .dispensable = 2},
               {.title = "SYSTEM", .least = 10, .dispensable = 3},
               {.title = "CRIT/HIGH", .right = true, .dispensable = 4},
               {.title = "SEEN", .right = true, .dispensable = 1},
               {.title = "TAGS", .least = 12}});
  for (const json::value& e : list_at(*page, "items")) {
    table.add({{endpoint_name(e), Style::kStrong},
               {text_at(e, "uid"), Style::kFaint},
               state_cell(e),
               or_dash(session, text_at(e, "ip")),
               or_dash(session, system_name(session, e)),
               findings_cell(session, e),
               since(session, e, "last_seen"),
               or_dash(session, tags_text(e))});
  }
  return print_list(session, *page, table, "endpoints");
}

}  // namespace

Command endpoints_command() {
  Command out{
      .name = "endpoints",
      .group = "Endpoints",
      .summary = "List endpoints",
      .details =
          "A tag with a ? behind it: nobody knows whether the endpoint has it. all_registered_clients is left out.\n"
          "The UID is cut to the width at hand: its beginning is enough for other commands.",
      .examples =
          "postern endpoints\n"
          "postern endpoints laptop --online --sort -last_seen\n"
          "postern endpoints --tag Vulnerable-Device\n"
          "postern endpoints --tag unknown:Vulnerable-Device --all --json\n",
      .arguments = {{"QUERY", "In host name, UID, address, MAC, user or system; case does not matter", false}},
      .options = {{"--tag", "TAG", "Only those that have it; unknown:TAG: of which nobody knows"},
                  {"--os", "OS", "Only of this system: linux, windows, macos, ios, android"},
                  {"--online", "", "Only those that are online"},
                  {"--offline", "", "Only those that are not"},
                  {"--quarantined", "", "Only those in quarantine"},
                  {"--sort", "FIELD", "host_name, last_seen, enrolled_at, uid or ip; -FIELD: the other way round"}},
      .run = run_endpoints};
  for (Option& option : limit_options(kEndpointsShown)) out.options.push_back(std::move(option));
  return out;
}

}  // namespace postern::cli
