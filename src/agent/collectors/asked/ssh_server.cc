// ssh.root_login: by `sshd -T`, which follows Include and knows the defaults of its own version, and by the
// configuration's Match blocks, which may let root in from some address though not from the one that was asked for.
#include "agent/collectors/asked/ssh_server.h"

#include <fnmatch.h>

#include <algorithm>
#include <iterator>

#include "agent/collectors/asked.h"
#include "agent/collectors/listing.h"
#include "agent/collectors/run_program.h"
#include "agent/watch/process_table.h"
#include "base/file.h"
#include "base/text.h"
#include "posture/fact_keys.h"
#include "posture/quote.h"

namespace postern::agent {
namespace ssh_server_family {
namespace {

namespace keys = posture::keys;
using posture::UnknownReason;

/// A server, and where it has its configuration unless it is told otherwise.
constexpr std::pair<const char*, const char*> kServers[] = {{"/usr/sbin/sshd", "/etc/ssh/sshd_config"},
                                                            {"/usr/local/sbin/sshd", "/usr/local/etc/sshd_config"}};
constexpr std::chrono::milliseconds kPatience{5000};
constexpr std::size_t kMaxConfig = 1u << 20;
constexpr std::size_t kMaxFiles = 256;
constexpr std::size_t kMaxServers = 1000, kMaxTitle = 4096;
constexpr Seconds kLookAtServers{30};
constexpr int kMaxIncludes = 16;  // as deep as sshd goes

/// Words between blanks, or in quotes; "=" between a keyword and its value is one blank more.
std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> out;
  for (line = trim(line); !line.empty() && line.front() != '#'; line = trim(line)) {
    const bool quoted = line.front() == '"';
    if (quoted) line.remove_prefix(1);
    const auto end = std::min(line.find_first_of(quoted ? "\"" : out.empty() ? " \t=" : " \t"), line.size());
    out.emplace_back(line.substr(0, end));
    line.remove_prefix(std::min(end + 1, line.size()));
    if (out.size() == 1 && trim(line).starts_with('=')) line = trim(line).substr(1);
  }
  return out;
}

/// Of a Match block: it holds for everybody, for root perhaps, or never for root.
enum class Holds { kAlways, kPerhaps, kNotForRoot };

bool names_root(std::string_view users) {
  const auto patterns = split(users, ',');
  return std::ranges::any_of(patterns,
                             [](std::string_view p) { return p == "root" || p.find_first_of("*?!") != p.npos; });
}

Holds holds(const std::vector<std::string>& match) {
  if (match.size() == 2 && to_lower(match[1]) == "all") return Holds::kAlways;
  for (std::size_t i = 1; i + 1 < match.size(); i += 2) {
    if (to_lower(match[i]) == "user" && !names_root(match[i + 1])) return Holds::kNotForRoot;
  }
  return Holds::kPerhaps;
}

/// The files that an Include names, by a pattern in the last part of its path.
Result<std::vector<std::string>> included(const Facts& facts, std::string pattern) {
  if (!pattern.starts_with('/')) pattern = "/etc/ssh/" + pattern;
  const auto slash = pattern.rfind('/');
  const auto directory = pattern.substr(0, slash), name = pattern.substr(slash + 1);
  if (directory.find_first_of("*?[") != directory.npos)
    return fail(ErrorCode::kUnsupported, "Include " + pattern + " is not followed");
  auto names = list_directory(facts, directory);
  if (!names && names.error().code == ErrorCode::kNotFound) return std::vector<std::string>();
  if (!names) return fail(names.error());
  std::vector<std::string> out;
  for (const auto& one : *names) {
    if (::fnmatch(name.c_str(), one.c_str(), FNM_PERIOD) == 0) out.push_back(directory + "/" + one);
  }
  return out;
}

/// Goes through a configuration and what it includes.
class Configuration {
 public:
  explicit Configuration(const Facts& facts) : facts_(facts) {}
  Status add(const std::string& path, bool matched, int depth = 0) {
    if (depth > kMaxIncludes || ++files_ > kMaxFiles)
      return fail(ErrorCode::kResourceExhausted, path + " includes more than is followed");
    const auto text = facts_.read(path, kMaxConfig);
    if (!text && text.error().code == ErrorCode::kNotFound) return {};
    if (!text) return fail(text.error());
    auto config = parse_sshd_config(*text, matched);
    std::ranges::move(config.root_logins, std::back_inserter(values));
    for (const auto& [pattern, in_match] : config.includes) {
      const auto paths = included(facts_, pattern);
      if (!paths) return fail(paths.error());
      for (const auto& one : *paths) {
        if (auto added = add(one, in_match, depth + 1); !added) return added;
      }
    }
    return {};
  }
  std::vector<std::string> values;

 private:
  const Facts& facts_;
  std::size_t files_ = 0;
};

/// What holds for a connection that no Match block names, as root from anywhere.
Result<std::string> ask_server(const std::string& server) {
  const auto output = run_program({server, "-T", "-C", "user=root,host=anywhere.invalid,addr=192.0.2.1"}, kPatience);
  if (!output) return fail(output.error());
  auto login = output->exit_status == 0 ? parse_root_login(output->text) : std::string();
  if (login.empty()) return fail(ErrorCode::kUnavailable, server + " -T could not read its configuration");
  return login;
}

/// Of a server that runs, what it was started with: sshd leaves that in its title.
std::string title_of(pid_t pid) {
  auto text = read_file("/proc/" + std::to_string(pid) + "/cmdline", kMaxTitle).value_or("");
  std::ranges::replace(text, '\0', ' ');
  return text;
}

/// One whose settings no configuration says: empty if there is none.
std::string started_otherwise() {
  std::vector<std::string> servers;
  for (const auto& [server, config] : kServers) servers.emplace_back(server);
  for (const auto& pids : find_processes(servers, kMaxServers)) {
    for (const auto pid : pids) {
      if (auto title = title_of(pid); sshd_has_own_settings(title)) return title.substr(0, title.find(" ["));
    }
  }
  return {};
}

void answer(const Question&, Facts& facts) {
  const auto* found = std::ranges::find_if(kServers, [&](const auto& one) { return facts.exists(one.first); });
  if (found == std::end(kServers)) return facts.know(keys::kSshRootLogin, std::string("no-server"), kServers[0].first);
  // An image's program is not run.
  if (facts.foreign()) return facts.unknown(keys::kSshRootLogin, UnknownReason::kUnsupported, kForeignRoot);
  const auto others = matched_root_logins(facts, facts.exists(found->second) ? found->second : kServers[0].second);
  auto login = others ? ask_server(found->first) : Result<std::string>(fail(others.error()));
  if (!login) return facts.unknown(keys::kSshRootLogin, reason_of(login.error()), login.error().message);
  if (const auto other = started_otherwise(); !other.empty()) {
    return facts.unknown(keys::kSshRootLogin, UnknownReason::kUnsupported,
                         "a server runs with settings of its own: " + posture::quoted(other));
  }
  std::string source = std::string(found->first) + " -T";
  for (const auto& other : *others) {
    if (weaker_root_login(*login, other) == *login) continue;
    login = other;
    source = "a Match block";
  }
  facts.know(keys::kSshRootLogin, *login, source);
}

Triggers triggers(const Question&, const Facts&) {
  return {.files = {kServers[0].first, kServers[1].first, kServers[0].second, kServers[1].second, "/etc/ssh/sshd_config.d"},
          .processes = {kServers[0].first, kServers[1].first},
          .interval = kLookAtServers,
          .why = "further servers are looked for; the first and the last one are told at once"};
}

}  // namespace
}  // namespace ssh_server_family

std::string parse_root_login(std::string_view text) {
  constexpr std::string_view kKey = "permitrootlogin ";
  for (const auto raw : split(text, '\n')) {
    const auto line = trim(raw);
    if (!line.starts_with(kKey)) continue;
    const auto value = to_lower(trim(line.substr(kKey.size())));
    return value == "without-password" ? "prohibit-password" : value;
  }
  return {};
}

bool sshd_has_own_settings(std::string_view title) {
  // "sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups", and of a connection "sshd: root@pts/0".
  constexpr std::string_view kTitle = "sshd: ";
  if (title.starts_with(kTitle)) title.remove_prefix(kTitle.size());
  if (!title.starts_with('/')) return false;
  const auto words = split(title.substr(0, title.find(" [")), ' ');
  return std::any_of(words.begin() + 1, words.end(), [](std::string_view word) {
    // Letters may stand together: -Df FILE.
    return word.starts_with('-') && word.find_first_of("fo") != word.npos;
  });
}

SshdConfig parse_sshd_config(std::string_view text, bool matched) {
  using namespace ssh_server_family;
  SshdConfig out;
  auto block = matched ? Holds::kPerhaps : Holds::kAlways;
  for (const auto line : split(text, '\n')) {
    const auto words = words_of(line);
    if (words.size() < 2) continue;
    const auto keyword = to_lower(words[0]);
    if (keyword == "match") block = holds(words);
    if (keyword == "include") {
      for (std::size_t i = 1; i < words.size() && block != Holds::kNotForRoot; ++i)
        out.includes.emplace_back(words[i], block == Holds::kPerhaps);
    }
    if (keyword != "permitrootlogin" || block != Holds::kPerhaps) continue;
    const auto value = to_lower(words[1]);
    out.root_logins.push_back(value == "without-password" ? "prohibit-password" : value);
  }
  return out;
}

Result<std::vector<std::string>> matched_root_logins(const Facts& facts, const std::string& config) {
  ssh_server_family::Configuration all(facts);
  if (auto added = all.add(config, false); !added) return fail(added.error());
  return std::move(all.values);
}

std::string weaker_root_login(const std::string& a, const std::string& b) {
  constexpr std::string_view kStrongestFirst[] = {"no", "forced-commands-only", "prohibit-password"};
  const auto rank = [&](std::string_view value) { return std::ranges::find(kStrongestFirst, value); };
  return rank(b) > rank(a) ? b : a;
}

namespace asked {
const AskedFamily& ssh_server() {
  static const AskedFamily kFamily{.name = "ssh server",
                                   .keys = {posture::keys::kSshRootLogin},
                                   .answer = ssh_server_family::answer,
                                   .triggers = ssh_server_family::triggers,
                                   .pause = std::chrono::milliseconds(100),
                                   .slow = true};
  return kFamily;
}
}  // namespace asked

}  // namespace postern::agent
