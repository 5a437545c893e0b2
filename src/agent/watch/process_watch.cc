#include "agent/watch/process_watch.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "agent/watch/process_table.h"

namespace postern::agent {
namespace {

constexpr std::size_t kMaxHeld = 16;  // of one name; when all of them have ended, the rest is looked for
constexpr int kMaxAwaited = 256;
constexpr int kAttempts = 9;  // 1, 2, 4, … ms: how long a starting program may take to get its name
// A process can take another name without starting a program: who comes to one so, and who leaves one, is found by looking
// now and then.
constexpr std::chrono::seconds kLookWithEvents{30};
constexpr std::chrono::seconds kCheck{30};
constexpr std::chrono::seconds kLookWithout{1};
constexpr std::chrono::milliseconds kLookSoon{20};
constexpr int kLooksInARow = 100;

}  // namespace

ProcessWatch::ProcessWatch(net::Loop& loop, Changed changed, bool events) : loop_(loop), changed_(std::move(changed)) {
  if (auto paths = PathWatch::open(loop)) paths_ = std::move(*paths);
  if (!events) {
    why_ = "switched off";
    return;
  }
  auto exec = ExecWatch::open(loop, [this](pid_t pid, const std::string& program) { started(pid, program); });
  if (exec) {
    exec_ = std::move(*exec);
  } else {
    why_ = exec.error().message;
  }
}

ProcessWatch::~ProcessWatch() {
  for (auto& [name, entry] : names_) {
    for (auto& [pid, held] : entry.held) {
      held.handle.cancel();
      ::close(held.fd);
    }
  }
}

bool ProcessWatch::running(const std::string& name) const {
  const auto it = names_.find(name);
  return it != names_.end() && it->second.running;
}

void ProcessWatch::set_names(std::set<std::string> names) {
  for (auto it = names_.begin(); it != names_.end();) {
    if (names.contains(it->first)) {
      ++it;
      continue;
    }
    for (auto& [pid, held] : it->second.held) {
      held.handle.cancel();
      ::close(held.fd);
    }
    if (paths_) paths_->forget(it->first);
    it = names_.erase(it);
  }
  for (const auto& name : names) {
    const bool added = names_.try_emplace(name).second;
    if (added && paths_ && name.starts_with('/'))
      paths_->watch(name, PathWatchKind::kExistence, [this, name](const PathTrace&) { moved(name); });
  }
  if (names_.empty()) check_.cancel();
  if (!names_.empty() && !check_) check_ = loop_.every(kCheck, [this] { recheck(); });
  // Listen first, then look: who starts in between is seen twice rather than never.
  if (exec_ && !names_.empty() && !exec_->arm()) exec_.reset();
  look();
}

bool ProcessWatch::hold(const std::string& name, Name& entry, pid_t pid) {
  if (entry.held.contains(pid) || entry.held.size() >= kMaxHeld) return !entry.held.empty();
  const int fd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (fd < 0) return false;
  // The number may have gone to another process before it was held.
  if (!process_has_name(pid, ProcessName(name))) {
    ::close(fd);
    return false;
  }
  auto handle = loop_.watch_readable(fd, [this, name, pid] { ended(name, pid); });
  entry.held.emplace(pid, Held{fd, std::move(handle)});
  return true;
}

void ProcessWatch::tell(const std::string& name, Name& entry) {
  const bool running = !entry.held.empty();
  if (entry.told && running == entry.running) return;
  entry.told = true;
  entry.running = running;
  changed_(name, running);
}

void ProcessWatch::look() {
  std::vector<std::string> missing;
  bool vanished = false;
  for (auto& [name, entry] : names_) {
    if (!entry.held.empty()) continue;
    entry.program = ProcessName(name).program;
    missing.push_back(name);
  }
  if (!missing.empty()) {
    const auto found = find_processes(missing, kMaxHeld);
    for (std::size_t i = 0; i < missing.size(); ++i) {
      const auto it = names_.find(missing[i]);
      if (it == names_.end()) continue;
      for (const auto pid : found[i]) hold(it->first, it->second, pid);
      // Of many that end at once another may go on.
      vanished = vanished || (it->second.held.empty() && !found[i].empty());
      if (!it->second.held.empty() || found[i].empty() || in_a_row_ >= kLooksInARow) tell(it->first, it->second);
    }
  }
  if (vanished && in_a_row_ < kLooksInARow) {
    look_soon();
  } else {
    in_a_row_ = 0;
  }
  adjust();
}

void ProcessWatch::look_soon() {
  ++in_a_row_;
  again_ = loop_.after(kLookSoon, [this] { look(); });
}

void ProcessWatch::moved(const std::string& name) {
  check(name);
  const auto it = names_.find(name);
  if (it != names_.end() && it->second.held.empty()) look();  // or what had gone is there again
}

void ProcessWatch::release(Name& entry, pid_t pid) {
  const auto held = entry.held.find(pid);
  const int fd = held->second.fd;
  entry.held.erase(held);  // the watch goes before the descriptor
  ::close(fd);
}

void ProcessWatch::ended(const std::string& name, pid_t pid) {
  const auto it = names_.find(name);
  if (it == names_.end() || !it->second.held.contains(pid)) return;
  release(it->second, pid);
  if (it->second.held.empty()) look_for_others();
}

void ProcessWatch::check(const std::string& name) {
  const auto it = names_.find(name);
  if (it == names_.end() || it->second.held.empty()) return;
  const ProcessName wanted(name);
  std::vector<pid_t> others;
  for (const auto& [pid, held] : it->second.held) {
    if (!process_has_name(pid, wanted)) others.push_back(pid);
  }
  for (const auto pid : others) release(it->second, pid);
  if (it->second.held.empty()) look_for_others();
}

void ProcessWatch::recheck() {
  std::vector<std::string> names;  // who is told of a change may want others
  for (const auto& [name, entry] : names_) names.push_back(name);
  for (const auto& name : names) check(name);
}

void ProcessWatch::look_for_others() {
  // Starts may have been missed while the last one ran: nobody listened for them.
  if (exec_ && !exec_->armed() && !exec_->arm()) exec_.reset();
  look();
}

void ProcessWatch::started(pid_t pid, const std::string& program) {
  if (pid == 0) return look();
  for (auto& [name, entry] : names_) {
    if (!entry.held.empty()) continue;
    const bool likely = program == entry.program || (name.size() <= kMaxComm && program.substr(0, kMaxComm) == name);
    if (likely) await_name(pid, name, 0);
  }
}

void ProcessWatch::await_name(pid_t pid, const std::string& name, int attempt) {
  const auto it = names_.find(name);
  if (it == names_.end() || !it->second.held.empty()) return;
  if (hold(name, it->second, pid)) {
    tell(it->first, it->second);
    return adjust();
  }
  if (attempt == kAttempts || awaiting_.size() >= kMaxAwaited) return;
  const auto id = next_wait_++;
  awaiting_[id] = loop_.after(std::chrono::milliseconds(1 << attempt), [this, id, pid, name, attempt] {
    const auto mine = std::move(awaiting_.at(id));
    awaiting_.erase(id);
    await_name(pid, name, attempt + 1);
  });
}

void ProcessWatch::adjust() {
  bool missing = false;
  for (const auto& [name, entry] : names_) missing = missing || entry.held.empty();
  if (exec_ && !missing) exec_->disarm();
  if (missing == scanning_) return;
  scanning_ = missing;
  if (!missing) return scan_.cancel();
  scan_ = loop_.every(exec_ ? kLookWithEvents : kLookWithout, [this] {
    if (exec_) (void)exec_->arm();  // file systems that were mounted since
    look();
  });
}

}  // namespace postern::agent
