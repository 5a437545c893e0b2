// postern devices, authorise: gateways as the EMS sees them.
#include <fmt/format.h>

#include <boost/json.hpp>

#include "base/text.h"
#include "cli/commands/commands.h"
#include "cli/json_view.h"
#include "cli/listing.h"

namespace postern::cli {
namespace {

namespace json = boost::json;

constexpr std::size_t kDevicesShown = 100;

Style device_style(const std::string& state) {
  if (state == "authorised") return Style::kGood;
  return state == "pending" ? Style::kWarning : Style::kBad;
}

std::string device_name(const json::value& d) {
  for (const char* name : {"alias", "host_name"}) {
    if (const std::string text = one_line(text_at(d, name)); !text.empty()) return text;
  }
  return text_at(d, "serial");
}

Result<int> run_devices(Session& session) {
  Query query;
  if (session.given.has("--state")) query["state"] = session.given.text("--state");
  const auto page = ask_list(session, "fabric-devices", query, kDevicesShown);
  if (!page) return fail(page.error());
  Table table({{.title = "DEVICE"},
               {.title = "NAME", .least = 8},
               {.title = "STATE"},
               {.title = "CONNECTED"},
               {.title = "ADDRESS", .dispensable = 2},
               {.title = "SHARING", .dispensable = 3},
               {.title = "ENDPOINTS", .right = true, .dispensable = 1},
               {.title = "SESSIONS", .right = true, .dispensable = 4}});
  for (const json::value& d : list_at(*page, "items")) {
    const std::string state = text_at(d, "state");
    table.add({{text_at(d, "serial"), Style::kStrong},
               device_name(d),
               {state, device_style(state)},
               is_true(d, "connected") ? "yes" : "no",
               or_dash(session, text_at(d, "address")),
               text_at(d, "endpoint_sharing"),
               count_at(d, "shared_endpoints"),
               or_dash(session, count_at(d, "live_sessions"))});
  }
  return print_list(session, *page, table, "fabric devices");
}

Result<json::value> find_device(Session& session, const std::string& text) {
  const auto api = session.api();
  if (!api) return fail(api.error());
  const auto page = (*api)->list("fabric-devices", {}, 0);
  if (!page) return fail(page.error());
  const std::string lower = to_lower(text);
  std::vector<const json::value*> found;
  for (const json::value& d : list_at(*page, "items")) {
    if (text_at(d, "serial") == text) return d;
    if (to_lower(text_at(d, "serial")).starts_with(lower) || to_lower(text_at(d, "alias")) == lower ||
        to_lower(text_at(d, "host_name")) == lower) {
      found.push_back(&d);
    }
  }
  if (found.size() == 1) return *found.front();
  if (found.empty())
    return fail(ErrorCode::kNotFound,
                "there is no fabric device \"" + one_line(text) + "\"; postern devices lists them");
  std::vector<std::string> serials;
  for (const json::value* d : found) serials.push_back(text_at(*d, "serial"));
  return fail(ErrorCode::kConflict,
              fmt::format("{} fabric devices fit \"{}\": {}", found.size(), one_line(text), join(serials, ", ")));
}

/// The key that is authorised has been compared with the gateway: by the person now, or by who gave its fingerprint.
Result<bool> key_agreed(Session& session, const json::value& device, const std::string& shown) {
  if (session.given.has("--key")) {
    const auto wanted = parse_fingerprint(session.given.text("--key"));
    const auto offered = parse_fingerprint(shown);
    if (!wanted) return fail(wanted.error().context("--key"));
    if (!offered || *wanted != *offered) {
      return fail(ErrorCode::kConflict,
                  fmt::format("{} shows another key: {}. Nothing was authorised", text_at(device, "serial"), shown));
    }
    return true;
  }
  if (!session.look().interactive) {
    return fail(
        ErrorCode::kUnavailable,
        "nobody is here to compare the key with the gateway's; give the fingerprint that it shows: --key SHA256");
  }
  session.say(fmt::format("{}, {}, from {}\nits key: {}", text_at(device, "serial"), device_name(device),
                          or_dash(session, text_at(device, "address")), shown));
  return session.terminal.agreed("Is this the fingerprint that the gateway itself shows? Authorise it? [y/N] ");
}

Result<int> run_authorise(Session& session) {
  const auto device = find_device(session, session.given.text("DEVICE"));
  if (!device) return fail(device.error());
  const std::string serial = text_at(*device, "serial");
  if (text_at(*device, "state") == "authorised") {
    session.say(serial + " is authorised already");
    return session.as_json() ? session.print_json(*device) : kDone;
  }
  const json::value* key = member(*device, "offered_key");
  const std::string shown = key == nullptr ? "" : text_at(*key, "fingerprint");
  if (shown.empty()) return fail(ErrorCode::kUnavailable, serial + " has shown no key yet; it has to connect first");
  const auto agreed = key_agreed(session, *device, shown);
  if (!agreed) return fail(agreed.error());
  if (!*agreed) {
    session.say("nothing was authorised");
    return kFailed;
  }
  const auto path = segment("fabric device", serial);
  if (!path) return fail(path.error());
  const auto after = (*session.api())
                         ->patch("fabric-devices/" + *path,
                                 json::object{{"authorized", true}, {"expected_key_sha256", text_at(*key, "sha256")}});
  if (!after) return fail(after.error());
  if (session.as_json()) return session.print_json(*after);
  session.print(serial + " is authorised\n");
  return kDone;
}

}  // namespace

Command devices_command() {
  Command out{.name = "devices",
              .group = "Gateways",
              .summary = "List fabric devices: the gateways that this EMS knows",
              .details = "",
              .examples = "postern devices\npostern devices --state pending\n",
              .options = {{.names = "--state",
                           .value = "STATE",
                           .help = "Only these",
                           .choices = {"pending", "authorised", "refused", "conflict"}}},
              .run = run_devices};
  for (Option& option : limit_options(kDevicesShown)) out.options.push_back(std::move(option));
  return out;
}

Command authorise_command() {
  return {
      .name = "authorise",
      .group = "Gateways",
      .summary = "Authorise a gateway: pin the key that it shows",
      .details =
          "Shows the fingerprint of its key and asks; on the gateway it is shown by the connector. Without a\n"
          "terminal --key is demanded.",
      .examples =
          "postern authorise PGW1A2B3C4D5E6F7\n"
          "postern authorise gw-berlin --key AB:CD:…\n",
      .arguments = {{"DEVICE", "Serial number, the beginning of one, alias or host name"}},
      .options = {{"--key", "SHA256", "The fingerprint that the gateway shows: authorise only this key, don't ask"}},
      .run = run_authorise};
}

}  // namespace postern::cli
