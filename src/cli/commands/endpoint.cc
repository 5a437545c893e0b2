// postern endpoint: one of them, in full.
#include <fmt/format.h>

#include <boost/json.hpp>

#include "base/text.h"
#include "cli/commands/commands.h"
#include "cli/endpoint_ref.h"
#include "cli/json_view.h"
#include "cli/listing.h"
#include "cli/moments.h"

namespace postern::cli {
namespace {

namespace json = boost::json;

constexpr std::size_t kFactsShown = 1000;
constexpr std::size_t kHistoryShown = 50;
constexpr std::size_t kFindingsShown = 200;

std::string fact_value(const json::value& fact) {
  if (const std::string text = text_at(fact, "text"); !text.empty()) return one_line(text);  // a time, a score
  const json::value* value = member(fact, "value");
  if (value != nullptr) return in_a_line(*value);
  return "unknown (" + text_at(fact, "unknown_reason") + ")";
}

Result<int> show_facts(Session& session, const std::string& path) {
  const auto page = ask_list(session, path + "/facts", {}, kFactsShown);
  if (!page) return fail(page.error());
  Table table({{.title = "FACT", .least = 16},
               {.title = "VALUE", .least = 16},
               {.title = "AGE", .right = true},
               {.title = "FROM", .least = 8, .dispensable = 1}});
  for (const json::value& fact : list_at(*page, "items")) {
    table.add({{text_at(fact, "key"), Style::kName},
               {fact_value(fact), is_true(fact, "known") ? Style::kPlain : Style::kWarning},
               since(session, fact, "collected_at"),
               text_at(fact, "source")});
  }
  return print_list(session, *page, table, "facts");
}

Result<int> show_history(Session& session, const std::string& path) {
  const auto page = ask_list(session, path + "/history", {}, kHistoryShown);
  if (!page) return fail(page.error());
  Table table({{.title = "WHEN"},
               {.title = "REVISION", .right = true, .dispensable = 1},
               {.title = "WHAT"},
               {.title = "CHANGE", .least = 20}});
  for (const json::value& change : list_at(*page, "items")) {
    const json::value* what = member(change, "change");
    table.add({when(session, change, "at"),
               count_at(change, "revision"),
               {text_at(change, "kind"), Style::kName},
               what == nullptr ? "" : change_text(session.look(), *what)});
  }
  return print_list(session, *page, table, "changes");
}

Style severity_style(std::string_view severity) {
  if (severity == "critical" || severity == "high") return Style::kBad;
  return severity == "medium" || severity == "unknown" ? Style::kWarning : Style::kPlain;
}

/// That nothing is listed, or something, says little alone: whether all was judged, and when.
void say_how_far_known(Session& session, const json::value& endpoint, bool any) {
  const json::value* known = member(endpoint, "vulnerabilities");
  const std::string name = endpoint_name(endpoint);
  const auto compared = known == nullptr ? std::nullopt : time_at(*known, "scanned_at");
  if (any && known == nullptr) {
    session.say("whether these are all nobody knows: rules that ask for vulnerabilities are unknown");
  } else if (!any && known == nullptr) {
    session.say(fmt::format("nobody knows yet whether something is open on {}", name));
  } else if (!any) {
    session.say(fmt::format("nothing is open on {}{}", name,
                            compared ? ": its packages were compared with the feeds " +
                                           age_text(std::max(Millis(0), session.now() - *compared))
                                     : ""));
  }
}

Result<int> show_vulnerabilities(Session& session, const json::value& endpoint, const std::string& path) {
  const auto page = ask_list(session, path + "/vulnerabilities", {}, kFindingsShown);
  if (!page && page.error().code == ErrorCode::kUnavailable) {
    return fail(page.error().context("nobody knows what is open on " + endpoint_name(endpoint)));
  }
  if (!page) return fail(page.error());
  Table table({{.title = "SEVERITY"},
               {.title = "CVE"},
               {.title = "SOURCE", .least = 8, .dispensable = 2},
               {.title = "PACKAGE", .least = 10},
               {.title = "INSTALLED", .least = 10, .dispensable = 1},
               {.title = "FIXED IN", .least = 10}});
  for (const json::value& f : list_at(*page, "items")) {
    const std::string severity = text_at(f, "severity");
    const bool accepted = member(f, "accepted") != nullptr;
    table.add({{severity + (is_true(f, "kev") ? ", exploited" : "") + (accepted ? ", accepted" : ""),
                accepted ? Style::kFaint : severity_style(severity)},
               text_at(f, "cve"),
               text_at(f, "source"),
               text_at(f, "package"),
               text_at(f, "version"),
               or_dash(session, text_at(f, "fixed"))});
  }
  if (session.as_json()) return session.print_json(*page);
  const int done = table.empty() ? kDone : print_list(session, *page, table, "known vulnerabilities");
  say_how_far_known(session, endpoint, !table.empty());
  return done;
}

std::string state_text(const json::value& e, WallTime now) {
  std::string out = text_at(e, "registration");
  out += is_true(e, "online") ? ", online" : ", offline";
  if (const auto seen = time_at(e, "last_seen"); seen && !is_true(e, "online")) {
    out += " (seen " + age_text(std::max(Millis(0), now - *seen)) + ")";
  }
  return out;
}

std::string vulnerability_text(const json::value& e) {
  const json::value* v = member(e, "vulnerabilities");
  if (v == nullptr) return "not known";
  std::vector<std::string> parts;
  for (const char* severity : {"critical", "high", "medium", "low", "info", "unknown"}) {
    parts.push_back(fmt::format("{} {}", severity, number_at(*v, severity).value_or(0)));
  }
  return join(parts, ", ");
}

Result<int> run_endpoint(Session& session) {
  const Given& given = session.given;
  const int views = given.has("--facts") + given.has("--history") + given.has("--vulnerabilities");
  if (views > 1) return session.misused("give one of --facts, --history and --vulnerabilities");
  const auto e = find_endpoint(session, given.text("ENDPOINT"));
  if (!e) return fail(e.error());
  const std::string path = "endpoints/" + text_at(*e, "uid");
  if (given.has("--facts")) return show_facts(session, path);
  if (given.has("--history")) return show_history(session, path);
  if (given.has("--vulnerabilities")) return show_vulnerabilities(session, *e, path);
  if (session.as_json()) return session.print_json(*e);
  const Look& look = session.look();
  session.print(look.paint(Style::kStrong, endpoint_name(*e)) + "  " + look.paint(Style::kFaint, text_at(*e, "uid")) +
                "\n\n");
  Details details;
  details.add("State", state_text(*e, session.now()), is_true(*e, "online") ? Style::kGood : Style::kWarning);
  if (is_true(*e, "quarantined")) {
    const std::string reason = text_at(*e, "quarantine_reason");
    details.add("Quarantine", reason.empty() ? "yes" : "yes: " + reason, Style::kBad);
  }
  details.add("Tags", or_dash(session, join(texts_at(*e, "tags"), ", ")));
  details.add("Unknown tags", join(texts_at(*e, "unknown_tags"), ", "), Style::kWarning);
  details.add("Given by hand", join(texts_at(*e, "classifications"), ", "));
  details.add("Vulnerable", vulnerability_text(*e));
  details.add("System", text_at(*e, "os_version"));
  details.add("Address", text_at(*e, "ip") + (text_at(*e, "mac").empty() ? "" : "  " + text_at(*e, "mac")));
  details.add("Seen from", text_at(*e, "public_ip"));
  details.add("User", text_at(*e, "user"));
  details.add("Profile", text_at(*e, "profile"));
  details.add("Agent", text_at(*e, "agent_version"));
  details.add("Certificate", text_at(*e, "client_cert_sn"));
  details.add("Enrolled", when(session, *e, "enrolled_at"));
  details.add("Last seen", when(session, *e, "last_seen"));
  session.print(details.text(look));
  return kDone;
}

}  // namespace

Command endpoint_command() {
  Command out{.name = "endpoint",
              .group = "Endpoints",
              .summary = "Show one endpoint: its state, tags, facts, history or vulnerabilities",
              .examples =
                  "postern endpoint laptop7\n"
                  "postern endpoint 7F4704E4 --facts\n"
                  "postern endpoint laptop7 --vulnerabilities --limit 20\n"
                  "postern endpoint laptop7 --history --json\n",
              .arguments = {{"ENDPOINT", "UID, the beginning of one, or host name"}},
              .options = {{"--facts", "", "Everything it reported, with age and source"},
                          {"--history", "", "What changed of it, newest first"},
                          {"--vulnerabilities", "", "Findings, worst first; accepted ones (postern risks) last"}},
              .run = run_endpoint};
  for (Option& option : limit_options(kFindingsShown)) out.options.push_back(std::move(option));
  out.options[3].help = "Show at most this many lines of these";
  return out;
}

}  // namespace postern::cli
