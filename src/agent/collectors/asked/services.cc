// service.active: and service.enabled:, of systemd where it runs the machine, or OpenRC; of an image, what its files say.
#include "agent/collectors/asked/services.h"

#include <algorithm>
#include <map>
#include <set>

#include "agent/collectors/asked.h"
#include "agent/collectors/kept.h"
#include "agent/collectors/listing.h"
#include "agent/collectors/os/key_values.h"
#include "agent/collectors/run_program.h"
#include "agent/collectors/timers.h"
#include "base/text.h"
#include "posture/fact_keys.h"

namespace postern::agent {
namespace services_family {
namespace {

namespace keys = posture::keys;
using posture::UnknownReason;

constexpr const char* kSystemctl[] = {"/usr/bin/systemctl", "/bin/systemctl"};
constexpr const char* kSystemdRuns = "/run/systemd/system";  // sd_booted(3)
constexpr const char* kSystemd[] = {"/usr/lib/systemd/systemd", "/lib/systemd/systemd"};
constexpr const char* kOpenrcRuns = "/run/openrc/softlevel";
constexpr const char* kRunlevels = "/etc/runlevels";
constexpr const char* kUnitPlaces[] = {"/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"};
constexpr const char* kUnits = "/run/systemd/units";  // a link for each start of a unit
constexpr std::chrono::milliseconds kPatience{5000};
constexpr Seconds kLook{10};

bool any_exists(const Facts& facts, const auto& paths) {
  return std::ranges::any_of(paths, [&](const auto* path) { return facts.exists(path); });
}

std::vector<std::string> asked_units(const Question& question) {
  std::set<std::string> out;
  for (const auto prefix : {keys::kServiceActive, keys::kServiceEnabled}) {
    for (auto& name : question.arguments(prefix)) out.insert(std::move(name));
  }
  return {out.begin(), out.end()};
}

void know(Facts& facts, const std::string& name, const UnitState& state, const std::string& source) {
  facts.know(keys::with(keys::kServiceActive, name), state.active, source);
  facts.know(keys::with(keys::kServiceEnabled, name), state.enabled, source);
}

void unknown(Facts& facts, const std::string& name, UnknownReason reason, const std::string& source) {
  facts.unknown(keys::with(keys::kServiceActive, name), reason, source);
  facts.unknown(keys::with(keys::kServiceEnabled, name), reason, source);
}

void ask_systemd(Facts& facts, const std::vector<std::string>& names) {
  std::vector<std::string> command{kSystemctl[0], "show", "--property=LoadState,ActiveState,UnitFileState", "--"};
  if (!facts.exists(kSystemctl[0])) command[0] = kSystemctl[1];
  std::vector<std::string> asked;
  for (const auto& name : names) {
    const auto unit = unit_name(name);
    if (unit.empty()) {
      unknown(facts, name, UnknownReason::kUnsupported, "no unit can be called so");
      continue;
    }
    command.push_back(unit);
    asked.push_back(name);
  }
  if (asked.empty()) return;
  const auto output = run_program(command, kPatience);
  const auto states = output ? parse_unit_states(output->text) : std::vector<UnitState>();
  for (std::size_t i = 0; i < asked.size(); ++i) {
    if (i < states.size()) {
      know(facts, asked[i], states[i], "systemd");
    } else {
      unknown(facts, asked[i], output ? UnknownReason::kFailed : reason_of(output.error()),
              output ? "systemctl said nothing of it" : output.error().message);
    }
  }
}

/// By its links, as systemd would find them at the next start: of a unit that was masked or removed they may still be there.
bool enabled_by_files(const Facts& facts, const std::string& unit) {
  if (unit.empty() || !unit_can_start(facts, unit)) return false;
  for (const auto* place : kUnitPlaces) {
    for (const auto& name : names_in(facts, place)) {
      if (!name.ends_with(".wants") && !name.ends_with(".requires")) continue;
      if (std::ranges::binary_search(names_in(facts, std::string(place) + "/" + name), unit)) return true;
    }
  }
  return false;
}

/// "ssh.service" is OpenRC's "ssh"; empty: no service can be called so.
std::string openrc_name(std::string_view asked) {
  if (asked.ends_with(".service")) asked.remove_suffix(8);
  return asked.find('/') != asked.npos || asked.starts_with('.') ? std::string() : std::string(asked);
}

bool enabled_by_runlevels(const Facts& facts, const std::string& name) {
  const auto levels = names_in(facts, kRunlevels);
  return std::ranges::any_of(levels, [&](const std::string& level) {
    return facts.exists(std::string(kRunlevels) + "/" + level + "/" + name);
  });
}

/// OpenRC says of a service that it was started until somebody stops it, though its daemon may have died: whose process it
/// noted and is not there. What it noted no process of (a script that ran) is as it says.
bool crashed(const Facts& facts, const std::string& name) {
  const auto noted = "/run/openrc/daemons/" + name;
  const auto daemons = names_in(facts, noted);
  return std::ranges::any_of(daemons, [&](const std::string& daemon) {
    const auto text = facts.read(noted + "/" + daemon, 64u << 10);
    const auto file = text ? value_of(parse_key_values(*text), "pidfile") : std::string();
    if (!file.starts_with('/')) return false;
    const auto pid = facts.read(file, 64);
    const auto number = pid ? parse_u64(trim(*pid)) : std::nullopt;
    return !number || !facts.exists("/proc/" + std::to_string(*number));
  });
}

bool openrc_runs(const Facts& facts) { return facts.exists(kOpenrcRuns) && of_this_start(facts, kOpenrcRuns); }

void ask_runlevels(Facts& facts, const std::vector<std::string>& names) {
  for (const auto& asked : names) {
    const auto name = openrc_name(asked);
    facts.unknown(keys::with(keys::kServiceActive, asked), UnknownReason::kUnsupported, kForeignRoot);
    facts.know(keys::with(keys::kServiceEnabled, asked), !name.empty() && enabled_by_runlevels(facts, name), kRunlevels);
  }
}

void ask_files(Facts& facts, const std::vector<std::string>& names) {
  for (const auto& name : names) {
    facts.unknown(keys::with(keys::kServiceActive, name), UnknownReason::kUnsupported, kForeignRoot);
    facts.know(keys::with(keys::kServiceEnabled, name), enabled_by_files(facts, unit_name(name)), kUnitPlaces[0]);
  }
}

void ask_openrc(Facts& facts, const std::vector<std::string>& names) {
  for (const auto& asked : names) {
    const auto name = openrc_name(asked);
    if (name.empty()) {
      unknown(facts, asked, UnknownReason::kUnsupported, "no service can be called so");
      continue;
    }
    const UnitState state{.loaded = true,
                          .active = facts.exists("/run/openrc/started/" + name),
                          .enabled = enabled_by_runlevels(facts, name)};
    know(facts, asked, state, "OpenRC");
    if (state.active && crashed(facts, name))
      facts.unknown(keys::with(keys::kServiceActive, asked), UnknownReason::kFailed,
                    "OpenRC has it started, but its daemon's process is gone");
  }
}

void answer(const Question& question, Facts& facts) {
  const auto names = asked_units(question);
  if (openrc_runs(facts)) return ask_openrc(facts, names);
  if (facts.foreign() && any_exists(facts, kSystemd)) return ask_files(facts, names);
  if (!facts.foreign() && facts.exists(kSystemdRuns) && any_exists(facts, kSystemctl)) return ask_systemd(facts, names);
  if (facts.foreign() && facts.exists(kRunlevels)) return ask_runlevels(facts, names);
  for (const auto& name : names)
    unknown(facts, name, UnknownReason::kUnsupported, "neither systemd nor OpenRC runs this machine");
}

Triggers triggers(const Question&, const Facts& facts) {
  if (openrc_runs(facts)) {
    return {.files = {"/run/openrc/started", "/etc/runlevels/default", "/etc/runlevels/boot"},
            .interval = kLook,
            .why = "OpenRC does not notice that a daemon dies; starts and stops are told at once"};
  }
  Triggers out{.files = {kUnits, kUnitPlaces[0], "/etc/systemd/system/multi-user.target.wants"}};
  if (facts.foreign() || !facts.exists(kSystemdRuns)) return out;
  out.interval = kLook;
  out.why = "systemd leaves no trace of each unit's end; starts are told at once";
  return out;
}

}  // namespace
}  // namespace services_family

std::string unit_name(std::string_view name) {
  constexpr std::size_t kMaxUnitName = 255;
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view(":-_.\\@").find(c) != std::string_view::npos;
  };
  if (name.empty() || name.starts_with('-') || name.size() > kMaxUnitName || !std::ranges::all_of(name, plain)) return {};
  for (const std::string_view type : {".service", ".socket", ".timer", ".target", ".mount", ".path", ".device", ".slice",
                                      ".scope", ".swap", ".automount"}) {
    if (name.ends_with(type)) return std::string(name);
  }
  return std::string(name) + ".service";
}

std::vector<UnitState> parse_unit_states(std::string_view text) {
  std::vector<UnitState> out;
  bool open = false;
  for (const auto raw : split(text, '\n')) {
    const auto line = trim(raw);
    const auto equals = line.find('=');
    if (line.empty()) open = false;
    if (equals == line.npos) continue;
    if (!open) out.emplace_back();
    open = true;
    auto& state = out.back();
    const auto key = line.substr(0, equals), value = line.substr(equals + 1);
    if (key == "LoadState") state.loaded = value == "loaded";
    if (key == "ActiveState") state.active = value == "active" || value == "reloading";
    if (key == "UnitFileState") state.enabled = value == "enabled" || value == "enabled-runtime" || value == "alias";
  }
  return out;
}

namespace asked {
const AskedFamily& services() {
  namespace keys = posture::keys;
  static const AskedFamily kFamily{.name = "services",
                                   .keys = {keys::kServiceActive, keys::kServiceEnabled},
                                   .answer = services_family::answer,
                                   .triggers = services_family::triggers,
                                   .pause = std::chrono::milliseconds(100),
                                   .slow = true};
  return kFamily;
}
}  // namespace asked

}  // namespace postern::agent
