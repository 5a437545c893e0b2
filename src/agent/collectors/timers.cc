#include "agent/collectors/timers.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <system_error>

#include "agent/collectors/asked/services.h"
#include "agent/collectors/run_program.h"
#include "agent/watch/process_table.h"

namespace postern::agent {
namespace {

namespace fs = std::filesystem;

// As systemd looks for a unit: what stands first counts.
constexpr const char* kUnitPlaces[] = {"/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system",
                                       "/usr/lib/systemd/system", "/lib/systemd/system"};
constexpr const char* kSystemd[] = {"/usr/lib/systemd/systemd", "/lib/systemd/systemd"};
constexpr const char* kSystemctl[] = {"/usr/bin/systemctl", "/bin/systemctl"};
constexpr std::chrono::milliseconds kPatience{5000};

/// The entry itself, not what it leads to.
fs::path entry(const Facts& facts, const std::string& directory, const std::string& name) {
  return facts.path(directory) / name;
}

bool is_wanted(const Facts& facts, const std::string& unit) {
  std::error_code error;
  return std::ranges::any_of(kUnitPlaces, [&](const char* place) {
    return fs::exists(fs::symlink_status(entry(facts, std::string(place) + "/timers.target.wants", unit), error));
  });
}

Result<bool> ask_systemd(const Facts& facts, const std::string& name) {
  const auto* program = facts.exists(kSystemctl[0]) ? kSystemctl[0] : kSystemctl[1];
  const auto output = run_program(
      {program, "show", "--property=LoadState,ActiveState", "--", name + ".timer", name + ".service"}, kPatience);
  if (!output) return fail(output.error());
  const auto states = parse_unit_states(output->text);
  if (states.size() != 2) return fail(ErrorCode::kUnavailable, "systemctl said nothing of " + name + ".timer");
  return states[0].active && states[1].loaded;
}

}  // namespace

bool unit_can_start(const Facts& facts, const std::string& unit) {
  std::error_code error;
  for (const auto* place : kUnitPlaces) {
    const auto at = entry(facts, place, unit);
    const auto status = fs::symlink_status(at, error);
    if (!fs::exists(status)) continue;
    if (fs::is_symlink(status)) return fs::read_symlink(at, error) != "/dev/null";
    return fs::file_size(at, error) != 0;
  }
  return false;
}

Result<bool> timer_starts(const Facts& facts, const std::string& name) {
  if (!facts.foreign()) return ask_systemd(facts, name);
  const auto timer = name + ".timer";
  return is_wanted(facts, timer) && unit_can_start(facts, timer) && unit_can_start(facts, name + ".service");
}

Starter starter(const Facts& facts) {
  if (facts.foreign()) {
    const bool systemd = std::ranges::any_of(kSystemd, [&](const char* path) { return facts.exists(path); });
    return systemd ? Starter::kSystemd : Starter::kUnseen;
  }
  if (facts.exists(kSystemdRuns)) return Starter::kSystemd;
  return root_runs({"cron", "crond"}) ? Starter::kCron : Starter::kNobody;
}

}  // namespace postern::agent
