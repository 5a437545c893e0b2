// postern risks, risk: which findings somebody lives with, why and until when.
#include <fmt/format.h>

#include <boost/json.hpp>

#include "base/ids.h"
#include "base/text.h"
#include "cli/commands/commands.h"
#include "cli/json_view.h"
#include "cli/listing.h"
#include "cli/moments.h"
#include "cli/risk_ref.h"

namespace postern::cli {
namespace {

namespace json = boost::json;

constexpr std::size_t kRisksShown = 100;
constexpr Millis kSoon{7LL * 24 * 3600 * 1000};  // somebody has to decide again

bool is_expired(const json::value& risk) { return text_at(risk, "state") == "expired"; }

Millis time_left(const Session& session, const json::value& risk) {
  const auto until = time_at(risk, "expires_at");
  return until ? std::max(Millis(0), *until - session.now()) : Millis(0);
}

Style state_style(const Session& session, const json::value& risk) {
  if (is_expired(risk)) return Style::kFaint;
  return time_left(session, risk) < kSoon ? Style::kWarning : Style::kGood;
}

/// "34 d left"; just after it was accepted for 30 d, 30 d and not 29.
std::string left_text(const Session& session, const json::value& risk) {
  if (is_expired(risk)) return "expired";
  const auto left = time_left(session, risk);
  return left < Millis(1000) ? "ends now" : short_age(left + Millis(60'000)) + " left";
}

/// Where the terminal's width counts, a UID is told by its beginning and a moment by its day: postern risk tells all.
std::string endpoints_cell(const Session& session, const json::value& risk) {
  std::string text = risk_endpoints(risk);
  return session.look().width == 0 || parse_endpoint_uid(text).empty() ? text : cut_off(text, 8);
}

std::string expires_cell(const Session& session, const json::value& risk) {
  std::string text = when(session, risk, "expires_at");
  return session.look().width == 0 ? text : text.substr(0, text.find(' '));
}

Result<int> run_risks(Session& session) {
  const Given& given = session.given;
  if (given.has("--in-force") && given.has("--expired")) return session.misused("give --in-force or --expired, not both");
  Query query;
  for (const auto& [option, name] : {std::pair("QUERY", "q"), std::pair("--sort", "sort")}) {
    if (given.has(option)) query[name] = given.text(option);
  }
  if (given.has("--in-force") || given.has("--expired")) query["state"] = given.has("--expired") ? "expired" : "in_force";
  const auto page = ask_list(session, "risks", query, kRisksShown);
  if (!page) return fail(page.error());
  Table table({{.title = "RISK", .least = 8, .by_beginning = true},
               {.title = "CVE", .least = 14},
               {.title = "PACKAGE", .least = 10},
               {.title = "ENDPOINTS", .least = 8},
               {.title = "STATE", .right = true},
               {.title = "EXPIRES", .dispensable = 2},
               {.title = "BY", .least = 6, .dispensable = 3},
               {.title = "SINCE", .right = true, .dispensable = 4},
               {.title = "REASON", .least = 12}});
  for (const json::value& risk : list_at(*page, "items")) {
    table.add({{text_at(risk, "id"), Style::kStrong},
               {text_at(risk, "cve"), Style::kName},
               risk_package(risk),
               endpoints_cell(session, risk),
               {left_text(session, risk), state_style(session, risk)},
               expires_cell(session, risk),
               text_at(risk, "accepted_by"),
               since(session, risk, "accepted_at"),
               text_at(risk, "reason")});
  }
  const bool whole = !query.contains("q") && !query.contains("state");
  return print_list(session, *page, table,
                    whole ? "accepted risks: every finding counts (postern accept-risk CVE --reason TEXT --expires 30d accepts one)"
                          : "accepted risks that fit (postern risks shows all)");
}

Result<int> run_risk(Session& session) {
  const auto found = find_risk(session, session.given.text("RISK"));
  if (!found) return fail(found.error());
  const json::value& risk = *found->risk;
  if (session.as_json()) return session.print_json(risk);
  const Look& look = session.look();
  session.print(look.paint(Style::kStrong, one_line(text_at(risk, "id"))) + "  " +
                look.paint(Style::kName, one_line(text_at(risk, "cve"))) + "\n\n");
  const std::string source = text_at(risk, "source"), version = text_at(risk, "version");
  Details details;
  const auto until = time_at(risk, "expires_at");
  const bool expired = is_expired(risk);
  details.add("State",
              expired ? "expired: the finding counts again"
                      : "in force, " + left_text(session, risk) + ": the finding is shown and not counted",
              state_style(session, risk));
  details.add("Package", source.empty() ? "any" : source);
  details.add("Version", version.empty() ? "any" : version + " only: another one counts");
  details.add("Endpoints", text_at(risk, "scope") == "all" ? "all"
                           : text_at(risk, "host_name").empty()
                               ? text_at(risk, "scope")
                               : risk_endpoints(risk) + " (" + text_at(risk, "scope") + ")");
  details.add("Reason", text_at(risk, "reason"));
  details.add("Accepted", when(session, risk, "accepted_at") + " by " + text_at(risk, "accepted_by"));
  if (until) details.add(expired ? "Expired" : "Expires", when(session, risk, "expires_at"));
  session.print(details.text(look));
  return kDone;
}

}  // namespace

Command risks_command() {
  Command out{.name = "risks",
              .group = "Vulnerabilities",
              .summary = "List accepted risks: findings that are shown and not counted",
              .details =
                  "Those in force stand first, what ends next before others, then those that expired in the last 90 days.\n"
                  "STATE says how long it is still in force. PACKAGE is a source package, with the version where only that is\n"
                  "accepted. A reason that has no room is told in full by postern risk.",
              .examples =
                  "postern risks\n"
                  "postern risks laptop7 --in-force\n"
                  "postern risks CVE-2025-6020\n"
                  "postern risks --sort -accepted_at --limit 10\n"
                  "postern risks --expired --all --json\n",
              .arguments = {{"QUERY", "In id, CVE, source package, endpoint, reason or who accepted it; case does not matter", false}},
              .options = {{"--in-force", "", "Only those that are in force"},
                          {"--expired", "", "Only those that expired"},
                          {"--sort", "FIELD", "expires_at, accepted_at or cve; -FIELD: the other way round"}},
              .run = run_risks};
  for (Option& option : limit_options(kRisksShown)) out.options.push_back(std::move(option));
  return out;
}

Command risk_command() {
  return {.name = "risk",
          .group = "Vulnerabilities",
          .summary = "Show one accepted risk in full: what it covers, why, by whom and until when",
          .examples = "postern risk RSK-7K2M9QXA\npostern risk CVE-2025-6020\n",
          .arguments = {{"RISK", "Its id, the beginning of one, or its CVE"}},
          .run = run_risk};
}

}  // namespace postern::cli
