// postern destinations, add-destination, change-destination, remove-destination: what agents listen for on loopback, and by
// which access proxy they carry it to the host behind.
#include <fmt/format.h>

#include <boost/json.hpp>

#include "base/file.h"
#include "base/text.h"
#include "cli/commands/commands.h"
#include "cli/json_view.h"
#include "cli/listing.h"
#include "cli/shell_word.h"

namespace postern::cli {
namespace {

namespace json = boost::json;

constexpr std::size_t kLargestCa = 60'000;  // the EMS takes no more
constexpr const char* kDefaultProfile = "Default";
constexpr const char* kCommands = "TCP forwarding";

const Option kProfile{"--profile", "NAME", "Of these endpoints; Default when not given"};

std::string profile_of(const Session& session) { return session.given.text("--profile", kDefaultProfile); }

Result<std::string> path_of(const Session& session) {
  const auto profile = segment("endpoint profile", profile_of(session));
  if (!profile) return fail(profile.error());
  return "profiles/" + *profile + "/ztna-destinations";
}

/// "host:port", an IPv6 address in brackets.
std::string host_port(const json::value& d) {
  const std::string host = text_at(d, "host");
  const bool v6 = host.find(':') != host.npos;
  return fmt::format("{}:{}", v6 ? "[" + host + "]" : host, number_at(d, "port").value_or(0));
}

std::string listen_text(const json::value& d) {
  const std::string listen = text_at(d, "listen");
  return listen.ends_with(":0") ? listen.substr(0, listen.size() - 2) + ", any port" : listen;
}

std::string trust_text(const json::value& d) {
  if (const std::string digits = text_at(d, "fingerprint"); !digits.empty()) return "certificate " + digits.substr(0, 8);
  return text_at(d, "ca").empty() ? "the endpoint's CAs" : "a CA of its own";
}

/// Host and port into the body. Error: kInvalidArgument that says what can stand there.
Status take_host(json::object& body, const std::string& text) {
  const auto colon = text.rfind(':');
  std::string host = text.substr(0, colon);
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (bracketed) host = host.substr(1, host.size() - 2);
  const auto port = colon == text.npos ? std::nullopt : parse_u64(text.substr(colon + 1));
  const bool sound = port && *port >= 1 && *port <= 65535 && !host.empty() && (bracketed || host.find(':') == host.npos);
  if (!sound) {
    return fail(ErrorCode::kInvalidArgument, fmt::format("\"{}\" is no host with a port; write db.example:5432, 10.0.3.16:22 or [2001:db8::16]:22",
                                                         one_line(text)));
  }
  body["host"] = host;
  body["port"] = *port;
  return {};
}

/// What the options say into the body. Error: a file that can't be read.
Status take_options(const Given& given, json::object& body) {
  for (const auto& [option, field] : {std::pair("--path", "path"), {"--listen", "listen"}, {"--gateway-fingerprint", "fingerprint"}}) {
    if (given.has(option)) body[field] = given.text(option);
  }
  if (!given.has("--gateway-ca")) return {};
  const std::string file = given.text("--gateway-ca");
  if (file.empty()) {
    body["ca"] = "";
    return {};
  }
  auto pem = read_file(file, kLargestCa);
  if (!pem) return fail(pem.error().context("--gateway-ca"));
  body["ca"] = std::move(*pem);
  return {};
}

int print_saved(Session& session, const json::value& d, std::string_view what) {
  if (session.as_json()) return session.print_json(d);
  session.print(fmt::format("{} {}: agents of the profile {} listen at {}, and carry it by {}{} to {}\n", one_line(text_at(d, "name")), what,
                            one_line(profile_of(session)), one_line(listen_text(d)), one_line(text_at(d, "gateway")),
                            one_line(text_at(d, "path")), one_line(host_port(d))));
  return kDone;
}

Result<int> run_destinations(Session& session) {
  const auto path = path_of(session);
  if (!path) return fail(path.error());
  const auto api = session.api();
  if (!api) return fail(api.error());
  const auto answer = (*api)->get(*path);
  if (!answer) return fail(answer.error());
  if (session.as_json()) return session.print_json(*answer);
  Table table({{.title = "DESTINATION"},
               {.title = "LEADS TO", .least = 16},
               {.title = "BY GATEWAY", .least = 12},
               {.title = "PATH", .dispensable = 2},
               {.title = "LISTENS AT", .least = 14},
               {.title = "TRUSTS", .dispensable = 1}});
  for (const json::value& d : list_at(*answer, "destinations")) {
    table.add({{text_at(d, "name"), Style::kStrong}, host_port(d), text_at(d, "gateway"), text_at(d, "path"), listen_text(d), trust_text(d)});
  }
  if (table.empty()) {
    session.say(fmt::format("the profile {} has no destinations (postern add-destination NAME HOST:PORT GATEWAY adds one)",
                            one_line(profile_of(session))));
    return kDone;
  }
  session.print(table.text(session.look()));
  return kDone;
}

Result<int> run_add(Session& session) {
  const Given& given = session.given;
  json::object body{{"name", given.text("NAME")}, {"gateway", given.text("GATEWAY")}};
  if (auto taken = take_host(body, given.text("HOST:PORT")); !taken) return session.misused("HOST:PORT: " + taken.error().message);
  if (auto taken = take_options(given, body); !taken) return fail(taken.error());
  const auto path = path_of(session);
  if (!path) return fail(path.error());
  const auto api = session.api();
  if (!api) return fail(api.error());
  const auto made = (*api)->post(*path, body);
  if (!made && made.error().code == ErrorCode::kConflict && made.error().message.find("already") != std::string::npos) {
    return fail(made.error().code, made.error().message + fmt::format("; postern change-destination {} changes it",
                                                                      shell_word(given.text("NAME"))));
  }
  if (!made) return fail(made.error());
  return print_saved(session, *made, "is added");
}

/// The path of the destination that is named.
Result<std::string> named(const Session& session) {
  const auto path = path_of(session);
  if (!path) return fail(path.error());
  const auto name = segment("destination", session.given.text("NAME"));
  if (!name) return fail(name.error());
  return *path + "/" + *name;
}

Error with_list(const Session& session, const Error& error) {
  if (error.code != ErrorCode::kNotFound) return error;
  const std::string profile = profile_of(session);
  const std::string which = profile == kDefaultProfile ? "" : " --profile " + shell_word(profile);
  return {error.code, error.message + "; postern destinations" + which + " lists them, postern profiles the profiles"};
}

Result<int> run_change(Session& session) {
  const Given& given = session.given;
  json::object body;
  if (given.has("--to")) {
    if (auto taken = take_host(body, given.text("--to")); !taken) return session.misused("--to: " + taken.error().message);
  }
  if (given.has("--gateway")) body["gateway"] = given.text("--gateway");
  if (given.has("--rename")) body["name"] = given.text("--rename");
  if (auto taken = take_options(given, body); !taken) return fail(taken.error());
  if (body.empty()) return session.misused("say what to change: --to, --gateway, --path, --listen, --gateway-ca, --gateway-fingerprint or --rename");
  const auto path = named(session);
  if (!path) return fail(path.error());
  const auto api = session.api();
  if (!api) return fail(api.error());
  const auto after = (*api)->patch(*path, body);
  if (!after) return fail(with_list(session, after.error()));
  return print_saved(session, *after, "is changed");
}

Result<int> run_remove(Session& session) {
  const auto path = named(session);
  if (!path) return fail(path.error());
  const auto api = session.api();
  if (!api) return fail(api.error());
  if (auto gone = (*api)->remove(*path); !gone) return fail(with_list(session, gone.error()));
  const std::string name = session.given.text("NAME");
  if (session.as_json()) return session.print_json(json::object{{"name", name}, {"removed", true}});
  session.print(fmt::format("{} is gone: agents of the profile {} listen for it no more, and what they carried to it ends\n", one_line(name),
                            one_line(profile_of(session))));
  return kDone;
}

std::vector<Option> options(std::vector<Option> first) {
  first.push_back({"--path", "PATH", "Of the access proxy's api-gateway with service tcp-forwarding: /tcp (/ in a new one)"});
  first.push_back({"--listen", "ADDRESS:PORT", "Where agents listen, on loopback: 127.0.0.1:2222 or [::1]:2222; port 0: any, which each agent chooses (so in a new one)"});
  first.push_back({"--gateway-ca", "FILE", "PEM certificates that may vouch for the gateway; '': the endpoint's CAs (so in a new one)"});
  first.push_back({"--gateway-fingerprint", "SHA256", "Trust exactly this certificate of the gateway instead; '': not any more"});
  first.push_back(kProfile);
  return first;
}

const Argument kNamed{"NAME", "Of the destination"};

}  // namespace

Command destinations_command() {
  return {.name = "destinations",
          .group = kCommands,
          .summary = "List the ZTNA destinations of an endpoint profile",
          .details = "What the agents of its endpoints listen for on loopback, and by which access proxy they carry it to the host.",
          .examples = "postern destinations\npostern destinations --profile Developers\n",
          .options = {kProfile},
          .run = run_destinations};
}

Command add_destination_command() {
  return {.name = "add-destination",
          .group = kCommands,
          .summary = "Add a ZTNA destination to an endpoint profile: agents listen for it at once",
          .details =
              "HOST:PORT is what the gateway's real server is configured with, letter for letter: its address or its domain. The\n"
              "gateway decides on each connection; what is not configured there is reached by nobody. A profile has 64 at most.",
          .examples =
              "postern add-destination build-16 10.0.3.16:22 gw.example:443 --path /tcp --listen 127.0.0.1:2216\n"
              "postern add-destination db db.example:5432 gw.example:443 --path /tcp --profile Developers\n"
              "postern add-destination build-v6 '[2001:db8::16]:22' '[2001:db8::1]:443' --path /tcp --gateway-fingerprint AB:CD:…\n",
          .arguments = {{"NAME", "Letters, digits, dots, hyphens, underscores"},
                        {"HOST:PORT", "Where it leads to, as the gateway has it configured"},
                        {"GATEWAY", "The access proxy, host:port"}},
          .options = options({}),
          .run = run_add};
}

Command change_destination_command() {
  return {.name = "change-destination",
          .group = kCommands,
          .summary = "Change a ZTNA destination of an endpoint profile; what is not given stays",
          .details = "What agents carried to it ends; programs connect again.",
          .examples =
              "postern change-destination db --to db2.example:5432\n"
              "postern change-destination build-16 --gateway gw2.example:443 --path /tcp\n"
              "postern change-destination db --gateway-fingerprint ''     # trust the endpoint's CAs again\n",
          .arguments = {kNamed},
          .options = options({{"--to", "HOST:PORT", "Where it leads to, as the gateway has it configured"},
                              {"--gateway", "HOST:PORT", "The access proxy"},
                              {"--rename", "NAME", "What it is called from now on"}}),
          .run = run_change};
}

Command remove_destination_command() {
  return {.name = "remove-destination",
          .group = kCommands,
          .summary = "Remove a ZTNA destination from an endpoint profile: agents listen for it no more",
          .details = "",
          .examples = "postern remove-destination db\npostern remove-destination db --profile Developers\n",
          .arguments = {kNamed},
          .options = {kProfile},
          .run = run_remove};
}

}  // namespace postern::cli
