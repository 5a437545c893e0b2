// update.installed_at, update.checked_at and update.automatic.
#include "agent/collectors/asked/updates.h"

#include <sys/stat.h>

#include <algorithm>
#include <ctime>

#include "agent/collectors/asked.h"
#include "agent/collectors/listing.h"
#include "agent/collectors/os/key_values.h"
#include "base/text.h"
#include "posture/fact_keys.h"
#include "vuln/root_inventory.h"

namespace postern::agent {
namespace updates_family {
namespace {

namespace keys = posture::keys;
using posture::UnknownReason;

constexpr std::size_t kMaxLog = 16u << 20;
constexpr std::size_t kMaxConf = 1u << 20;
constexpr const char* kAptHistory[] = {"/var/log/apt/history.log", "/var/log/apt/history.log.1"};
constexpr const char* kDpkgLogs[] = {"/var/log/dpkg.log", "/var/log/dpkg.log.1"};
constexpr const char* kRpmLogs[] = {"/var/lib/dnf/history.sqlite", "/usr/lib/sysimage/libdnf5/transaction_history.sqlite",
                                    "/var/log/zypp/history"};
constexpr const char* kAptStamps[] = {"/var/lib/apt/periodic/update-success-stamp", "/var/lib/apt/lists"};
constexpr const char* kOtherLists[] = {"/var/cache/dnf", "/var/cache/libdnf5", "/var/cache/zypp/raw", "/var/cache/apk",
                                       "/etc/apk/cache"};
constexpr const char* kAptConf = "/etc/apt/apt.conf.d";
constexpr const char* kDnfAutomatic = "/etc/dnf/automatic.conf";
constexpr const char* kDnfTimers[] = {"dnf-automatic.timer", "dnf-automatic-install.timer", "dnf5-automatic.timer"};
constexpr const char* kTimersWanted = "/etc/systemd/system/timers.target.wants/";

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
  // A newer update may stand in the one that can't be read: what is known is at least so new.
  if (newest.at > 0) return facts.know(keys::kUpdatedAt, newest.at, newest.source);
  if (newest.trouble) return facts.unknown(keys::kUpdatedAt, reason_of(*newest.trouble), newest.trouble->message);
  // The others tell in databases of their own when they last did something, by their files' times.
  for (const auto* path : kRpmLogs) {
    if (const auto at = modified_at(facts, path)) return facts.know(keys::kUpdatedAt, *at, path);
  }
  for (const auto path : vuln::kApkInstalled) {
    if (const auto at = modified_at(facts, path)) return facts.know(keys::kUpdatedAt, *at, std::string(path));
  }
  for (const auto directory : vuln::kRpmDirectories) {
    for (const auto* name : {"/rpmdb.sqlite", "/Packages.db", "/Packages"}) {
      const auto path = std::string(directory) + name;
      if (const auto at = modified_at(facts, path)) return facts.know(keys::kUpdatedAt, *at, path);
    }
  }
  // Only dpkg's are left: they say nothing of an update, so there was none since the oldest of them, or they were lost.
  for (const auto* path : kDpkgLogs) {
    if (facts.exists(path)) return facts.unknown(keys::kUpdatedAt, UnknownReason::kUnsupported, "no update is logged");
  }
  facts.unknown(keys::kUpdatedAt, UnknownReason::kUnsupported, "no package manager's log is known here");
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

void automatic_by_apt(Facts& facts) {
  AptSettings settings;
  std::vector<std::string> files;
  for (const auto& name : names_in(facts, kAptConf)) {
    if (is_apt_conf_name(name)) files.push_back(std::string(kAptConf) + "/" + name);
  }
  files.emplace_back("/etc/apt/apt.conf");
  for (const auto& path : files) {
    const auto text = facts.read(path, kMaxConf);
    if (!text && text.error().code == ErrorCode::kNotFound) continue;
    // It could switch it off.
    if (!text) return facts.unknown(keys::kUpdateAutomatic, reason_of(text.error()), path);
    parse_apt_conf(*text, settings);
  }
  const auto enabled = settings.find("apt::periodic::enable");
  const bool on = switched_on(settings, "apt::periodic::unattended-upgrade") &&
                  switched_on(settings, "apt::periodic::update-package-lists") &&
                  (enabled == settings.end() || switched_on(settings, "apt::periodic::enable"));
  if (!on) return facts.know(keys::kUpdateAutomatic, false, kAptConf);
  const bool program = facts.exists("/usr/bin/unattended-upgrade") || facts.exists("/usr/bin/unattended-upgrades");
  facts.know(keys::kUpdateAutomatic, program, program ? kAptConf : "unattended-upgrades is not installed");
}

void automatic(Facts& facts) {
  if (facts.exists(kAptConf)) return automatic_by_apt(facts);
  if (facts.exists("/usr/bin/dnf") || facts.exists("/usr/bin/dnf5")) {
    for (const auto* timer : kDnfTimers) {
      if (!facts.exists(kTimersWanted + std::string(timer))) continue;
      const auto conf = facts.read(kDnfAutomatic, kMaxConf);
      const auto apply = conf ? value_of(parse_key_values(*conf), "apply_updates") : std::string();
      const bool installs = std::string_view(timer) == kDnfTimers[1] || to_lower(apply) == "yes" || apply == "1" ||
                            to_lower(apply) == "true";
      return facts.know(keys::kUpdateAutomatic, installs, installs ? timer : kDnfAutomatic);
    }
    return facts.know(keys::kUpdateAutomatic, false, "no timer of dnf-automatic is enabled");
  }
  facts.unknown(keys::kUpdateAutomatic, UnknownReason::kUnsupported, "neither apt nor dnf is here");
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
    add(kRpmLogs);
    add(vuln::kApkInstalled);
    add(vuln::kRpmDirectories);
  }
  if (question.has(keys::kUpdateCheckedAt)) {
    add(kAptStamps);
    add(kOtherLists);
  }
  if (question.has(keys::kUpdateAutomatic)) {
    out.files.insert(out.files.end(), {kAptConf, "/etc/apt/apt.conf", "/usr/bin/unattended-upgrade", kDnfAutomatic,
                                       "/etc/systemd/system/timers.target.wants"});
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

std::optional<std::int64_t> parse_local_time(std::string_view text) {
  const auto number = [&](std::size_t at, std::size_t length) {
    return text.size() >= at + length ? parse_u64(text.substr(at, length)) : std::nullopt;
  };
  if (text.size() < 19) return std::nullopt;
  const std::size_t gap = text.substr(10, 2) == "  " ? 12 : 11;
  if (text.size() < gap + 8 || text[4] != '-' || text[7] != '-' || text[10] != ' ' || text[gap + 2] != ':' ||
      text[gap + 5] != ':')
    return std::nullopt;
  const auto year = number(0, 4), month = number(5, 2), day = number(8, 2);
  const auto hour = number(gap, 2), minute = number(gap + 3, 2), second = number(gap + 6, 2);
  if (!year || !month || !day || !hour || !minute || !second) return std::nullopt;
  if (*year < 1970 || *month < 1 || *month > 12 || *day < 1 || *day > 31 || *hour > 23 || *minute > 59 || *second > 60)
    return std::nullopt;
  std::tm local{};
  local.tm_year = static_cast<int>(*year) - 1900;
  local.tm_mon = static_cast<int>(*month) - 1;
  local.tm_mday = static_cast<int>(*day);
  local.tm_hour = static_cast<int>(*hour);
  local.tm_min = static_cast<int>(*minute);
  local.tm_sec = static_cast<int>(*second);
  local.tm_isdst = -1;
  const auto at = std::mktime(&local);
  if (at < 0) return std::nullopt;
  return std::int64_t{at} * 1000;
}

std::optional<std::int64_t> last_dpkg_upgrade(std::string_view log) {
  std::optional<std::int64_t> out;
  while (!log.empty() && !out) {  // from the end
    if (log.ends_with('\n')) log.remove_suffix(1);
    const auto start = log.rfind('\n');
    const auto line = log.substr(start == log.npos ? 0 : start + 1);
    log = log.substr(0, start == log.npos ? 0 : start);
    if (line.size() > 20 && line.substr(19).starts_with(" upgrade ")) out = parse_local_time(line);
  }
  return out;
}

std::optional<std::int64_t> last_apt_upgrade(std::string_view history) {
  std::optional<std::int64_t> out;
  bool upgrades = false;
  for (const auto raw : split(history, '\n')) {
    const auto line = trim(raw);
    if (line.empty()) upgrades = false;
    if (line.starts_with("Upgrade: ")) upgrades = true;
    constexpr std::string_view kEnd = "End-Date: ";
    if (!line.starts_with(kEnd) || !upgrades) continue;
    if (const auto at = parse_local_time(line.substr(kEnd.size())); at && (!out || *at > *out)) out = at;
  }
  return out;
}

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

namespace asked {
const AskedFamily& updates() {
  namespace keys = posture::keys;
  static const AskedFamily kFamily{.name = "updates",
                                   .keys = {keys::kUpdatedAt, keys::kUpdateCheckedAt, keys::kUpdateAutomatic},
                                   .answer = updates_family::answer,
                                   .triggers = updates_family::triggers,
                                   .pause = std::chrono::milliseconds(300),
                                   .costly = true};
  return kFamily;
}
}  // namespace asked

}  // namespace postern::agent
