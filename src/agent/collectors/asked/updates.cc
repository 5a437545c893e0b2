// update.installed_at, update.checked_at and update.automatic.
#include <sys/stat.h>

#include <algorithm>

#include "agent/collectors/asked.h"
#include "agent/collectors/listing.h"
#include "agent/collectors/os/key_values.h"
#include "agent/collectors/packages/apt_settings.h"
#include "agent/collectors/packages/update_logs.h"
#include "agent/collectors/protection/protection.h"
#include "agent/collectors/timers.h"
#include "base/text.h"
#include "posture/fact_keys.h"

namespace postern::agent {
namespace updates_family {
namespace {

namespace keys = posture::keys;
using posture::UnknownReason;

constexpr std::size_t kMaxLog = 16u << 20;
constexpr std::size_t kMaxConf = 1u << 20;
constexpr const char* kAptHistory[] = {"/var/log/apt/history.log", "/var/log/apt/history.log.1"};
constexpr const char* kDpkgLogs[] = {"/var/log/dpkg.log", "/var/log/dpkg.log.1"};
constexpr const char* kDnfLogs[] = {"/var/log/dnf.rpm.log", "/var/log/dnf.rpm.log.1"};
constexpr const char* kZyppLogs[] = {"/var/log/zypp/history"};
constexpr const char* kAptLists = "/var/lib/apt/lists";
constexpr const char* kAptStamps[] = {"/var/lib/apt/periodic/update-success-stamp", kAptLists};
constexpr const char* kOtherLists[] = {"/var/cache/dnf", "/var/cache/libdnf5", "/var/cache/zypp/raw", "/var/cache/apk",
                                       "/etc/apk/cache"};
constexpr const char* kAptConf = "/etc/apt/apt.conf.d";
constexpr const char* kAptDaily = "/etc/cron.daily/apt-compat";
constexpr const char* kAptTimers[] = {"apt-daily",
                                      "apt-daily-upgrade"};  // the one fetches the lists, the other installs
constexpr Seconds kLook{60};
constexpr const char* kDnfAutomatic = "/etc/dnf/automatic.conf";
constexpr const char* kDnfInstalls = "dnf-automatic-install";
constexpr const char* kDnfTimers[] = {kDnfInstalls, "dnf-automatic", "dnf5-automatic"};

std::optional<std::int64_t> modified_at(const Facts& facts, std::string_view path) {
  struct stat st {};
  if (::stat(facts.path(path).c_str(), &st) != 0) return std::nullopt;
  return std::int64_t{st.st_mtim.tv_sec} * 1000 + st.st_mtim.tv_nsec / 1'000'000;
}

struct Logged {
  std::int64_t at = 0;
  std::string source;
  std::optional<Error> trouble;  // with a log that is there
};

/// The first of a rotated log that says something counts, if it says something newer than `newest`.
template <class Paths, class Parse>
void look_in(const Facts& facts, const Paths& paths, Parse parse, Logged& newest) {
  for (const auto* path : paths) {
    const auto text = facts.read(path, kMaxLog);
    if (!text && text.error().code != ErrorCode::kNotFound) newest.trouble = text.error();
    const auto at = text ? parse(*text) : std::nullopt;
    if (!at) continue;
    if (*at > newest.at) newest = {*at, path, newest.trouble};
    return;
  }
}

void installed_at(Facts& facts) {
  Logged newest;
  look_in(facts, kAptHistory, last_apt_upgrade, newest);
  look_in(facts, kDpkgLogs, last_dpkg_upgrade, newest);
  look_in(facts, kDnfLogs, last_dnf_upgrade, newest);
  look_in(facts, kZyppLogs, last_zypp_patch, newest);
  // A newer update may stand in the one that can't be read: what is known is at least so new.
  if (newest.at > 0) return facts.know(keys::kUpdatedAt, newest.at, newest.source);
  if (newest.trouble) return facts.unknown(keys::kUpdatedAt, reason_of(*newest.trouble), newest.trouble->message);
  // A database that changed says that something was installed or removed, not that anything was brought up to date.
  facts.unknown(keys::kUpdatedAt, UnknownReason::kUnsupported,
                "no log of a package manager that is known names an update");
}

/// Without any, what the directory's time tells is that they were thrown away.
bool has_apt_lists(const Facts& facts) {
  return std::ranges::any_of(names_in(facts, kAptLists), [](const std::string& name) { return name.ends_with("Release"); });
}

void checked_at(Facts& facts) {
  for (const auto* path : kAptStamps) {
    if (path == kAptLists && !has_apt_lists(facts)) continue;
    if (const auto at = modified_at(facts, path)) return facts.know(keys::kUpdateCheckedAt, *at, path);
  }
  std::int64_t newest = 0;
  std::string source;
  for (const auto* directory : kOtherLists) {
    for (const auto& name : names_in(facts, directory)) {
      const auto at = modified_at(facts, std::string(directory) + "/" + name);
      if (!at || *at <= newest) continue;
      newest = *at;
      source = directory;
    }
  }
  if (newest > 0) return facts.know(keys::kUpdateCheckedAt, newest, source);
  facts.unknown(keys::kUpdateCheckedAt, UnknownReason::kUnsupported, "no lists of updates are known here");
}

/// "0" and "" are off, so are the words; everything else is an interval in days.
bool switched_on(const AptSettings& settings, std::string_view name) {
  const auto it = settings.find(name);
  if (it == settings.end()) return false;
  const auto value = to_lower(it->second);
  return !value.empty() && value != "0" && value != "no" && value != "false" && value != "off";
}

struct Verdict {
  bool automatic = false;
  std::string source;
};

/// Who starts apt's daily work, if anybody does.
Result<Verdict> apt_is_started(const Facts& facts) {
  switch (starter(facts)) {
    case Starter::kUnseen:
      return fail(ErrorCode::kUnsupported, "who starts apt's daily work in this image can't be told");
    case Starter::kNobody:
      return Verdict{false, "neither systemd nor cron runs"};
    case Starter::kCron:
      return Verdict{is_program(facts, kAptDaily), kAptDaily};
    case Starter::kSystemd:
      break;
  }
  for (const std::string name : kAptTimers) {
    const auto starts = timer_starts(facts, name);
    if (!starts) return fail(starts.error());
    if (!*starts) return Verdict{false, name + ".timer does not start it"};
  }
  return Verdict{true, "unattended-upgrades, started by timers"};
}

Result<Verdict> automatic_by_apt(const Facts& facts) {
  const auto settings = read_apt_settings(facts);
  if (!settings) return fail(settings.error());
  const bool on = switched_on(*settings, "apt::periodic::unattended-upgrade") &&
                  switched_on(*settings, "apt::periodic::update-package-lists") &&
                  (!settings->contains("apt::periodic::enable") || switched_on(*settings, "apt::periodic::enable"));
  if (!on) return Verdict{false, kAptConf};
  if (!facts.exists("/usr/bin/unattended-upgrade") && !facts.exists("/usr/bin/unattended-upgrades"))
    return Verdict{false, "unattended-upgrades is not installed"};
  return apt_is_started(facts);
}

Result<bool> dnf_installs(const Facts& facts) {
  const auto conf = facts.read(kDnfAutomatic, kMaxConf);
  if (!conf && conf.error().code != ErrorCode::kNotFound) return fail(conf.error());
  const auto apply = conf ? to_lower(value_of(parse_key_values(*conf), "apply_updates")) : std::string();
  return apply == "yes" || apply == "1" || apply == "true" || apply == "on";
}

Result<Verdict> automatic_by_dnf(const Facts& facts) {
  const auto who = starter(facts);
  if (who == Starter::kUnseen)
    return fail(ErrorCode::kUnsupported, "who starts dnf-automatic in this image can't be told");
  for (const std::string name : kDnfTimers) {
    const auto starts = who == Starter::kSystemd ? timer_starts(facts, name) : Result<bool>(false);
    if (!starts) return fail(starts.error());
    if (!*starts) continue;
    const auto installs = name == kDnfInstalls ? Result<bool>(true) : dnf_installs(facts);
    if (!installs) return fail(installs.error());
    return Verdict{*installs, *installs ? name + ".timer" : std::string(kDnfAutomatic)};
  }
  return Verdict{false, "no timer of dnf-automatic starts it"};
}

void automatic(Facts& facts) {
  Result<Verdict> found = fail(ErrorCode::kUnsupported, "neither apt nor dnf is here");
  if (facts.exists(kAptConf)) {
    found = automatic_by_apt(facts);
  } else if (facts.exists("/usr/bin/dnf") || facts.exists("/usr/bin/dnf5")) {
    found = automatic_by_dnf(facts);
  }
  if (found) return facts.know(keys::kUpdateAutomatic, found->automatic, found->source);
  facts.unknown(keys::kUpdateAutomatic, reason_of(found.error()), found.error().message);
}

void answer(const Question& question, Facts& facts) {
  if (question.has(keys::kUpdatedAt)) installed_at(facts);
  if (question.has(keys::kUpdateCheckedAt)) checked_at(facts);
  if (question.has(keys::kUpdateAutomatic)) automatic(facts);
}

Triggers triggers(const Question& question, const Facts&) {
  Triggers out;
  const auto add = [&](const auto& paths) {
    for (const auto& path : paths) out.files.emplace_back(path);
  };
  if (question.has(keys::kUpdatedAt)) {
    add(kAptHistory);
    add(kDpkgLogs);
    add(kDnfLogs);
    add(kZyppLogs);
  }
  if (question.has(keys::kUpdateCheckedAt)) {
    add(kAptStamps);
    add(kOtherLists);
  }
  if (question.has(keys::kUpdateAutomatic)) {
    out.files.insert(out.files.end(), {kAptConf, "/etc/apt/apt.conf", "/usr/bin/unattended-upgrade", kDnfAutomatic,
                                       "/etc/systemd/system", kTimersWanted, kAptDaily});
    out.interval = kLook;
    out.why = "that a timer, or cron, was stopped leaves no trace; what is enabled and configured is told at once";
    out.few = true;
  }
  return out;
}

}  // namespace
}  // namespace updates_family

namespace asked {
const AskedFamily& updates() {
  namespace keys = posture::keys;
  static const AskedFamily kFamily{.name = "updates",
                                   .keys = {keys::kUpdatedAt, keys::kUpdateCheckedAt, keys::kUpdateAutomatic},
                                   .answer = updates_family::answer,
                                   .triggers = updates_family::triggers,
                                   .pause = std::chrono::milliseconds(300),
                                   .slow = true,
                                   .costly = true};
  return kFamily;
}
}  // namespace asked

}  // namespace postern::agent
