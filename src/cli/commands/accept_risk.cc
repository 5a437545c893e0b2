// postern accept-risk, revoke-risk: to live with a finding for a time, and no longer.
#include <fmt/format.h>

#include <boost/json.hpp>

#include "base/text.h"
#include "cli/commands/commands.h"
#include "cli/endpoint_ref.h"
#include "cli/json_view.h"
#include "cli/moments.h"
#include "cli/risk_ref.h"

namespace postern::cli {
namespace {

namespace json = boost::json;

constexpr std::chrono::hours kLongest{366 * 24};  // a year, whichever: the EMS takes no more

/// What it covers on the one endpoint it is for, where that is nothing: a package's name instead of its source's is soon
/// typed, and the finding would go on counting. Empty: it covers something, or nobody knows.
std::string covers_nothing(Session& session, const json::value& endpoint, const std::string& cve) {
  const auto page = (*session.api())->list("endpoints/" + text_at(endpoint, "uid") + "/vulnerabilities", {}, 0);
  if (!page) return "";
  std::vector<std::string> places;
  for (const json::value& f : list_at(*page, "items")) {
    if (text_at(f, "cve") != cve) continue;
    if (member(f, "accepted") != nullptr) return "";
    std::string place = one_line(text_at(f, "source") + " " + text_at(f, "version"));
    if (places.empty() || places.back() != place) places.push_back(std::move(place));
  }
  const std::string name = endpoint_name(endpoint);
  if (places.empty()) return fmt::format("{} has no finding {} now", name, cve);
  return fmt::format("it covers nothing: on {} {} is in {}, and goes on counting", name, cve, join(places, ", "));
}

Result<int> run_accept_risk(Session& session) {
  const Given& given = session.given;
  const std::string reason(trim(given.text("--reason")));
  if (reason.empty()) return session.misused("say why with --reason TEXT, for whoever asks later");
  if (!given.has("--expires")) return session.misused("say until when with --expires: 30d or 2026-12-31, at most a year away");
  const auto until = parse_until(given.text("--expires"), session.now());
  if (!until) return session.misused("--expires: " + until.error().message);
  if (*until > session.now() + kLongest) {
    return session.misused(fmt::format("--expires: \"{}\" is {}; a risk is accepted for 366 days at most, and then anew",
                                       one_line(given.text("--expires")), moment_text(*until)));
  }
  json::object body{{"cve", vulnerability_id(given.text("CVE"))}, {"reason", reason}, {"expires_at", to_iso8601(*until)}};
  for (const char* name : {"source", "version"}) {
    if (given.has(std::string("--") + name)) body[name] = given.text(std::string("--") + name);
  }
  const auto api = session.api();
  if (!api) return fail(api.error());
  json::value endpoint;
  if (given.has("--endpoint")) {
    auto found = find_endpoint(session, given.text("--endpoint"));
    if (!found) return fail(found.error());
    endpoint = std::move(*found);
    body["scope"] = text_at(endpoint, "uid");
  }
  const auto made = (*api)->post("risks", body);
  if (!made) return fail(made.error());
  if (session.as_json()) return session.print_json(*made);
  const auto expires = time_at(*made, "expires_at");
  const std::string id = one_line(text_at(*made, "id"));
  session.print(fmt::format("{} is accepted{}: it is shown and not counted\n", risk_text(*made),
                            expires ? " until " + moment_text(*expires) : ""));
  session.say(fmt::format("{}; postern revoke-risk {} takes it back", id, id));
  if (!endpoint.is_null()) {
    if (const std::string nothing = covers_nothing(session, endpoint, text_at(*made, "cve")); !nothing.empty()) session.say(nothing);
  }
  return kDone;
}

Result<int> run_revoke_risk(Session& session) {
  const auto found = find_risk(session, session.given.text("RISK"));
  if (!found) return fail(found.error());
  const json::value& risk = *found->risk;
  const std::string id = one_line(text_at(risk, "id"));
  const auto safe = segment("accepted risk", text_at(risk, "id"));
  if (!safe) return fail(safe.error());
  if (auto gone = (*session.api())->remove("risks/" + *safe); !gone) return fail(gone.error());
  if (session.as_json()) return session.print_json(json::object{{"id", id}, {"removed", true}});
  if (text_at(risk, "state") == "expired") {
    session.print(fmt::format("{} ({}) had expired; it is no longer listed\n", id, risk_text(risk)));
  } else if (found->others.empty()) {
    session.print(risk_text(risk) + " is no longer accepted: it counts again\n");
  } else {
    session.print(fmt::format("{} is no longer accepted by {}; still in force for this CVE: {}\n", risk_text(risk), id,
                              join(found->others, ", ")));
  }
  return kDone;
}

}  // namespace

Command accept_risk_command() {
  return {.name = "accept-risk",
          .group = "Vulnerabilities",
          .summary = "Live with a finding for a time: it is shown and not counted, for tags neither",
          .details =
              "--reason and --expires are needed; --source, --version and --endpoint narrow it, and narrow is better. From its\n"
              "expiry on the finding counts again by itself, and the endpoints that have it are judged again. To extend it,\n"
              "accept it again: of several the one that holds longest counts. Who accepted what stands in the audit log.",
          .examples =
              "postern endpoint laptop7 --vulnerabilities      # CVE, SOURCE and INSTALLED are what it is named by\n"
              "postern accept-risk CVE-2025-6020 --reason 'no local users; fixed by the next image' --expires 30d\n"
              "postern accept-risk CVE-2025-6020 --source pam --version 1.5.2-6+deb12u1 --reason 'no local users' --expires 2026-12-31\n"
              "postern accept-risk CVE-2025-6020 --endpoint laptop7 --reason 'ticket 4711' --expires 12h\n",
          .arguments = {{"CVE", "As findings name it, such as CVE-2025-6020"}},
          .options = {{"--reason", "TEXT", "Why, for whoever asks later"},
                      {"--expires", "WHEN",
                       "Until then, at most a year: " + std::string(kUntilForms)},
                      {"--source", "NAME", "Only in this source package; any when not given"},
                      {"--version", "VERSION", "Only of this installed version: another one counts; any when not given"},
                      {"--endpoint", "ENDPOINT", "Only on this one: UID, the beginning of one, or host name; all when not given"}},
          .run = run_accept_risk};
}

Command revoke_risk_command() {
  return {.name = "revoke-risk",
          .group = "Vulnerabilities",
          .summary = "Take an accepted risk back: the finding counts again",
          .details = "Endpoints that have the finding are judged again at once. One that expired is only taken off the list.",
          .examples = "postern revoke-risk RSK-7K2M9QXA\npostern revoke-risk CVE-2025-6020\n",
          .arguments = {{"RISK", "Its id, the beginning of one, or its CVE"}},
          .run = run_revoke_risk};
}

}  // namespace postern::cli
