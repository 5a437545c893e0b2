// process.running:, process.sha256: and process.versions: of what runs now.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <set>

#include "agent/collectors/asked.h"
#include "agent/collectors/file_hash.h"
#include "agent/collectors/owning_package.h"
#include "agent/watch/process_table.h"
#include "posture/fact_keys.h"

namespace postern::agent {
namespace processes_family {
namespace {

namespace keys = posture::keys;
using posture::UnknownReason;

constexpr std::size_t kMaxOfOneName = 1000;
constexpr Seconds kLook{5};

struct Executables {
  std::set<std::string> values;
  UnknownReason reason = UnknownReason::kFailed;
  std::string trouble;  // of one that could not be read
};

/// What the processes run, each looked at by `read`. Through /proc, so that an executable that was replaced since is still
/// the one that runs.
template <class Read>
Executables look_at(const std::vector<pid_t>& pids, Read read) {
  Executables out;
  if (pids.size() > kMaxOfOneName) {
    out.trouble = "more than " + std::to_string(kMaxOfOneName) + " processes of that name run";
    return out;
  }
  for (const auto pid : pids) {
    const auto value = read("/proc/" + std::to_string(pid) + "/exe");
    if (value) {
      out.values.insert(*value);
    } else if (value.error().code != ErrorCode::kNotFound) {  // it may have ended meanwhile
      out.reason = reason_of(value.error());
      out.trouble = value.error().message;
    }
  }
  return out;
}

void tell(Facts& facts, const std::string& key, Executables found) {
  // One that can't be seen could be the one that matters.
  if (!found.trouble.empty()) return facts.unknown(key, found.reason, found.trouble);
  facts.know(key, std::vector<std::string>(found.values.begin(), found.values.end()), "/proc");
}

void answer(const Question& question, Facts& facts) {
  if (facts.foreign()) {
    for (const auto& key : question.keys()) facts.unknown(key, UnknownReason::kUnsupported, kForeignRoot);
    return;
  }
  std::set<std::string> distinct;
  for (const auto prefix : {keys::kProcessRunning, keys::kProcessSha256, keys::kProcessVersions}) {
    for (auto& name : question.arguments(prefix)) distinct.insert(std::move(name));
  }
  const std::vector<std::string> names(distinct.begin(), distinct.end());
  const auto found = find_processes(names, kMaxOfOneName + 1);
  for (std::size_t i = 0; i < names.size(); ++i) {
    facts.know(keys::process_running(names[i]), !found[i].empty(), "/proc");
    if (const auto key = keys::with(keys::kProcessSha256, names[i]); question.has(key))
      tell(facts, key, look_at(found[i], [](const std::string& exe) { return hash_file(exe); }));
    if (const auto key = keys::with(keys::kProcessVersions, names[i]); question.has(key))
      tell(facts, key, look_at(found[i], [&](const std::string& exe) { return owning_package_version(facts, exe); }));
  }
}

Triggers triggers(const Question& question, const Facts&) {
  Triggers out;
  for (const auto prefix : {keys::kProcessSha256, keys::kProcessVersions}) {
    for (auto& name : question.arguments(prefix)) out.processes.push_back(std::move(name));
  }
  out.interval = kLook;
  out.why = "further processes of a name that runs already are looked for; its first and its last one are told at once";
  return out;
}

}  // namespace
}  // namespace processes_family

namespace asked {
const AskedFamily& processes() {
  namespace keys = posture::keys;
  static const AskedFamily kFamily{.name = "executables",
                                   .keys = {keys::kProcessRunning, keys::kProcessSha256, keys::kProcessVersions},
                                   .answer = processes_family::answer,
                                   .triggers = processes_family::triggers,
                                   .costly = true};
  return kFamily;
}
}  // namespace asked

}  // namespace postern::agent
