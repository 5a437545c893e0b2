// update.installed_at, update.checked_at and update.automatic.
#include "agent/collectors/asked/updates.h"

#include <sys/stat.h>

#include <algorithm>

#include "agent/collectors/asked.h"
#include "agent/collectors/listing.h"
#include "agent/collectors/os/key_values.h"
#include "agent/collectors/packages/update_logs.h"
#include "agent/collectors/protection/protection.h"
#include "agent/collectors/run_program.h"
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
constexpr const char* kAptStamps[] = {"/var/lib/apt/periodic/update-success-stamp", "/var/lib/apt/lists"};
constexpr const char* kOtherLists[] = {"/var/cache/dnf", "/var/cache/libdnf5", "/var/cache/zypp/raw", "/var/cache/apk",
                                       "/etc/apk/cache"};
constexpr const char* kAptConf = "/etc/apt/apt.conf.d";
constexpr const char* kAptConfig = "/usr/bin/apt-config";
constexpr const char* kAptDaily = "/etc/cron.daily/apt-compat";
constexpr const char* kAptTimers[] = {"apt-daily",
                                      "apt-daily-upgrade"};  // the one fetches the lists, the other installs
constexpr std::chrono::milliseconds kPatience{5000};
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

void checked_at(Facts& facts) {
  for (const auto* path : kAptStamps) {
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

/// As its files say, in the order in which apt reads them.
Result<AptSettings> settings_in_files(const Facts& facts) {
  AptSettings settings;
  std::vector<std::string> files;
  for (const auto& name : names_in(facts, kAptConf)) {
    if (is_apt_conf_name(name)) files.push_back(std::string(kAptConf) + "/" + name);
  }
  files.emplace_back("/etc/apt/apt.conf");
  for (const auto& path : files) {
    const auto text = facts.read(path, kMaxConf);
    if (!text && text.error().code == ErrorCode::kNotFound) continue;
    if (!text) return fail(text.error());  // it could switch it off
    if (has_apt_commands(*text)) return fail(ErrorCode::kUnsupported, path + " has commands, which are not followed");
    parse_apt_conf(*text, settings);
  }
  return settings;
}

Result<AptSettings> apt_settings(const Facts& facts) {
  if (facts.foreign() || !facts.exists(kAptConfig)) return settings_in_files(facts);
  const auto output = run_program({kAptConfig, "dump"}, kPatience);
  if (!output) return fail(output.error());
  if (output->exit_status != 0)
    return fail(ErrorCode::kUnavailable, std::string(kAptConfig) + " could not read its files");
  AptSettings settings;
  parse_apt_conf(output->text, settings);
  return settings;
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
  const auto settings = apt_settings(facts);
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

/// The tokens of apt.conf: words, quoted texts, "{", "}" and ";"; comments are skipped.
class AptTokens {
 public:
  explicit AptTokens(std::string_view text) : text_(text) {}
  enum class Kind { kEnd, kWord, kQuoted, kOpen, kClose, kSemicolon };
  struct Token {
    Kind kind = Kind::kEnd;
    std::string text;
  };
  Token next() {
    skip();
    if (text_.empty()) return {};
    const char c = text_.front();
    if (c == '{' || c == '}' || c == ';') {
      text_.remove_prefix(1);
      return {c == '{' ? Kind::kOpen : c == '}' ? Kind::kClose : Kind::kSemicolon, {}};
    }
    if (c == '"') {
      const auto end = text_.find('"', 1);
      Token out{Kind::kQuoted, std::string(text_.substr(1, end == text_.npos ? end : end - 1))};
      text_.remove_prefix(end == text_.npos ? text_.size() : end + 1);
      return out;
    }
    const auto end = std::min(text_.find_first_of(" \t\r\n{};\""), text_.size());
    Token out{Kind::kWord, std::string(text_.substr(0, end))};
    text_.remove_prefix(end);
    return out;
  }

 private:
  void skip() {
    for (;;) {
      const auto start = text_.find_first_not_of(" \t\r\n");
      if (start == text_.npos) return text_.remove_prefix(text_.size());
      text_.remove_prefix(start);
      // "#clear" and "#include" are commands: what they name is left as it is.
      const bool line = text_.starts_with("//") || text_.starts_with('#');
      if (!line && !text_.starts_with("/*")) return;
      const auto end = line ? text_.find('\n') : text_.find("*/", 2);
      text_.remove_prefix(end == text_.npos ? text_.size() : end + (line ? 1 : 2));
    }
  }
  std::string_view text_;
};

}  // namespace
}  // namespace updates_family

bool is_apt_conf_name(std::string_view name) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  };
  if (name.ends_with(".conf")) name.remove_suffix(5);
  return !name.empty() && std::ranges::all_of(name, plain);
}

void parse_apt_conf(std::string_view text, AptSettings& settings) {
  using updates_family::AptTokens;
  using Kind = AptTokens::Kind;
  constexpr std::size_t kMaxDepth = 32;
  AptTokens tokens(text);
  std::vector<std::string> scopes;
  std::string name, value;
  bool has_value = false;
  const auto full = [&](const std::string& last) {
    std::string out;
    for (const auto& scope : scopes) out += scope + "::";
    return to_lower(out + last);
  };
  const auto finish = [&] {
    if (!name.empty() && has_value && !name.ends_with("::")) {
      const auto key = full(name);
      if (settings.size() < kMaxAptSettings || settings.contains(key)) settings[key] = value;
    }
    name.clear();
    value.clear();
    has_value = false;
  };
  for (;;) {
    const auto token = tokens.next();
    switch (token.kind) {
      case Kind::kEnd: return finish();
      case Kind::kOpen:
        if (scopes.size() >= kMaxDepth) return;
        scopes.push_back(name);
        name.clear();
        break;
      case Kind::kClose:
        finish();
        if (!scopes.empty()) scopes.pop_back();
        break;
      case Kind::kSemicolon: finish(); break;
      case Kind::kQuoted:
      case Kind::kWord:
        if (name.empty() && token.kind == Kind::kWord) {
          name = token.text;
        } else if (!name.empty()) {
          value = token.text;
          has_value = true;
        }
        break;
    }
  }
}

bool has_apt_commands(std::string_view text) {
  return std::ranges::any_of(split(text, '\n'), [](std::string_view line) {
    return trim(line).starts_with("#clear") || trim(line).starts_with("#include");
  });
}

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
