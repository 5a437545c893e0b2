#include "agent/shell/sources.h"

#include <unistd.h>

#include <algorithm>

#include <fmt/format.h>

#include "agent/collectors/collector.h"
#include "agent/collectors/network/network.h"
#include "agent/collectors/packages/packages.h"
#include "agent/collectors/protection/protection.h"
#include "agent/collectors/protection/ruleset.h"
#include "agent/collectors/users/logins.h"
#include "agent/watch/file_events.h"
#include "base/log.h"
#include "posture/fact_keys.h"

namespace postern::agent {
namespace {

constexpr std::chrono::milliseconds kPackagesPause{300};  // dpkg writes its table again and again while it works
constexpr std::chrono::seconds kScan{1};
constexpr std::chrono::seconds kAskGateways{10};
constexpr std::chrono::seconds kAskInGrace{1};  // the kernel gives a question up after three of them

}  // namespace

posture::FactValue file_value(const PathTrace& trace) {
  using posture::UnknownReason;
  switch (trace.end) {
    case PathTrace::End::kRegular: return true;
    case PathTrace::End::kOther:
    case PathTrace::End::kMissing: return false;
    case PathTrace::End::kDenied: return posture::Unknown{UnknownReason::kDenied};
    case PathTrace::End::kLoop:
    case PathTrace::End::kFailed: break;
  }
  return posture::Unknown{UnknownReason::kFailed};
}

Sources::Sources(net::Loop& loop, const Clock& clock, Sink sink, std::filesystem::path root)
    : loop_(loop), clock_(clock), sink_(std::move(sink)), root_(std::move(root)),
      asking_(loop, clock, root_,
              {[this](const posture::FactMap& facts) { sink_.answers(facts); }, [this] { watch_processes(); },
               [this] { sink_.turn_over(); }}) {}

Sources::~Sources() {
  *alive_ = false;
  ruleset_handle_.cancel();
  if (ruleset_ >= 0) ::close(ruleset_);
}

void Sources::start() {
  open_watches();
  for (const auto& family : collectors()) {
    if (family.name == "packages") {
      auto facts = new_facts();
      inventory_ = agent::read_packages(facts);
      tell("packages", facts.map());
    } else {
      collect(std::string(family.name));
    }
  }
  watch_daemons();
  plan_scan();
  gateway_timer_ = loop_.every(kAskGateways, [this] {
    if (network_) network_->ask_for_gateways();
  });
  sink_.turn_over();
}

void Sources::open_watches() {
  processes_ = std::make_unique<ProcessWatch>(loop_, [this](const std::string& name, bool running) {
    if (wanted_processes_.contains(name)) {
      sink_.process(name, running);
      sink_.turn_over();
    }
    if (std::ranges::find(kLoginKeepers, name) != kLoginKeepers.end()) {
      soon("users");
      soon("avatar");
    } else if (daemons_.contains(name)) {
      soon("protection");
    }
    asking_.process_changed(name);
  });
  auto files = PathWatch::open(loop_);
  auto wanted = PathWatch::open(loop_);
  if (files && wanted) {
    family_files_ = std::move(*files);
    wanted_files_ = std::move(*wanted);
  } else {
    why_no_inotify_ = (files ? wanted.error() : files.error()).message;
  }
  watch_family_files();
  open_network();
  if (auto fd = open_ruleset_events()) {
    ruleset_ = *fd;
    ruleset_handle_ = loop_.watch_readable(ruleset_, [this] {
      if (!drain_ruleset_events(ruleset_)) return;
      soon("protection");
      asking_.ruleset_changed();
    });
  } else {
    why_no_ruleset_ = fd.error().message;
  }
  if (auto watch = PollWatch::open(loop_, kHostNameFile, [this] { soon("os"); })) {
    host_name_ = std::move(*watch);
  } else {
    why_no_host_name_ = watch.error().message;
  }
  // What is mounted over a watched directory changes what its paths lead to, and tells inotify nothing.
  if (auto watch = PollWatch::open(loop_, kMountsFile, [this] {
        if (family_files_) family_files_->recheck();
        if (wanted_files_) wanted_files_->recheck();
        asking_.mounts_changed();
        plan_scan();
      })) {
    mounts_ = std::move(*watch);
  }
}

void Sources::watch_family_files() {
  const auto facts = new_facts();
  std::map<std::string, std::set<std::string>> paths;  // two families may read one file
  for (const auto& family : collectors()) {
    for (const auto& path : files_of(family, facts)) paths[facts.path(path)].emplace(family.name);
  }
  for (const auto& [path, families] : family_paths_) {
    if (family_files_ && !paths.contains(path)) family_files_->forget(path);
  }
  for (const auto& [path, families] : paths) {
    if (!family_files_) break;
    if (const auto it = family_paths_.find(path); it != family_paths_.end() && it->second == families) continue;
    family_files_->watch(path, PathWatchKind::kContent, [this, families = families](const PathTrace&) {
      for (const auto& family : families) soon(family);
    });
  }
  family_paths_ = std::move(paths);
}

std::vector<std::string> Sources::files_read_by(const Collector& family) const {
  std::vector<std::string> out;
  for (const auto& [path, families] : family_paths_) {
    if (families.contains(std::string(family.name))) out.push_back(path);
  }
  return out;
}

void Sources::open_network() {
  network_handle_.cancel();
  network_.reset();
  auto reader = NetworkReader::open();
  if (!reader) {
    why_no_network_ = reader.error().message;
    return;
  }
  network_ = std::move(*reader);
  tunnel_up_ = network_->table().tunnel_up();
  network_handle_ = loop_.watch_readable(network_->fd(), [this] { network_readable(); });
  network_->ask_for_gateways();
}

void Sources::tell(const std::string& family, const posture::FactMap& facts) {
  for (const auto& [key, fact] : facts) in_record_.insert(key);
  sink_.family(family, facts);
}

void Sources::collect(const std::string& family) {
  if (family == "network" && network_) return tell_network();
  const auto& one = collector(family);
  if (one.more_files != nullptr) watch_family_files();  // before they are read: what changes after that is told
  auto facts = new_facts();
  one.collect(facts);
  tell(family, facts.map());
  if (family == "protection") watch_daemons();
}

void Sources::soon(const std::string& family) {
  if (family == "packages") return packages_changed();
  pending_.insert(family);
  if (std::exchange(turn_planned_, true)) return;
  loop_.post([this, alive = alive_] {
    if (!*alive) return;
    turn_planned_ = false;
    for (const auto& name : std::exchange(pending_, {})) collect(name);
    sink_.turn_over();
  });
}

void Sources::packages_changed() {
  if (packages_pause_) return;
  packages_pause_ = loop_.after(kPackagesPause, [this] {
    packages_pause_ = {};
    read_packages(nullptr);
  });
}

void Sources::read_packages(std::function<void()> done) {
  if (done) packages_done_.push_back(std::move(done));
  if (packages_reading_) {
    packages_again_ = true;
    return;
  }
  packages_reading_ = true;
  struct Reading {
    posture::FactMap facts;
    std::string inventory;
  };
  auto reading = std::make_shared<Reading>();
  // Thousands of packages: beside the loop, so that nothing else waits for them.
  loop_.offload(
      [reading, facts = new_facts()]() mutable {
        reading->inventory = agent::read_packages(facts);
        reading->facts = facts.take();
      },
      [this, reading, alive = alive_] {
        if (!*alive) return;
        packages_reading_ = false;
        tell("packages", reading->facts);
        if (reading->inventory != inventory_) {
          inventory_ = std::move(reading->inventory);
          sink_.inventory(inventory_);
        }
        sink_.turn_over();
        if (std::exchange(packages_again_, false)) return read_packages(nullptr);
        for (const auto& call : std::exchange(packages_done_, {})) call();
      });
}

void Sources::tell_inventory() { sink_.inventory(inventory_); }

void Sources::network_readable() {
  const auto changed = network_->read();
  if (!changed) {
    // Without its events the tables are worth nothing: read them anew each second.
    log_error("agent.network", changed.error().message);
    why_no_network_ = changed.error().message;
    network_handle_.cancel();
    network_.reset();
    soon("network");
    return plan_scan();
  }
  if (!*changed) return;
  network_->ask_for_gateways();
  tell_network();
  asking_.network_changed();
  if (network_->table().tunnel_up() != tunnel_up_) {
    tunnel_up_ = !tunnel_up_;
    soon("protection");
  }
  sink_.turn_over();
}

void Sources::tell_network() {
  auto facts = new_facts();
  const auto kept = gateways_.keep(network_->table(), network_->take_fallen(), clock_.now().mono);
  network_facts(network_->table(), kept, facts);
  if (kept.empty()) {
    grace_timer_.cancel();
  } else if (!grace_timer_) {
    grace_timer_ = loop_.every(kAskInGrace, [this] { ask_in_grace(); });
  }
  tell("network", facts.map());
}

void Sources::ask_in_grace() {
  if (!network_) return;  // opened anew by the scan, which tells then
  network_->ask_for_gateways();
  // No event comes of a gateway that does not answer.
  const auto until = gateways_.until();
  if (until && *until > clock_.now().mono) return;
  tell_network();
  sink_.turn_over();
}

void Sources::watch_daemons() {
  const auto names = protecting_daemons(new_facts());
  std::set<std::string> daemons(names.begin(), names.end());
  daemons.insert(kLoginKeepers.begin(), kLoginKeepers.end());
  if (daemons == daemons_) return;
  daemons_ = std::move(daemons);
  watch_processes();
}

void Sources::watch_processes() {
  if (!processes_) return;
  auto all = wanted_processes_;
  all.insert(daemons_.begin(), daemons_.end());
  all.merge(asking_.processes());
  processes_->set_names(std::move(all));
}

void Sources::ask() {
  std::set<std::string> keys;
  for (const auto& key : wishes_.facts) {
    // Those have events of their own; what is in the record is told anyway.
    const bool told = key.starts_with(posture::keys::kProcessRunning) || key.starts_with(posture::keys::kFileExists) ||
                      in_record_.contains(key);
    if (!told) keys.insert(key);
  }
  asking_.ask(keys);
}

void Sources::watch(const Wishes& wishes) {
  wishes_ = wishes;
  wanted_processes_ = wishes.arguments(posture::keys::kProcessRunning);
  const auto before = std::exchange(wanted_paths_, wishes.arguments(posture::keys::kFileExists));
  watch_processes();
  for (const auto& path : before) {
    if (wanted_paths_.contains(path)) continue;
    if (wanted_files_) wanted_files_->forget(path);
    traces_.erase(path);
  }
  // A name that was watched already for another reason is not told again by the watch itself.
  for (const auto& name : wanted_processes_) sink_.process(name, processes_->running(name));
  wanted_without_events_ = false;
  for (const auto& path : wanted_paths_) {
    const auto trace = wanted_files_ && !before.contains(path)
                           ? wanted_files_->watch(path, PathWatchKind::kExistence,
                                                  [this, path](const PathTrace& t) { tell_file(path, t); })
                           : trace_path(path);
    if (!wanted_files_) traces_[path] = trace;
    sink_.file(path, file_value(trace), why_unseen(trace.end));
    for (const auto& [directory, name] : trace.steps)
      wanted_without_events_ = wanted_without_events_ || without_events(directory);
  }
  if (wishes_.inventory_interval != inventory_interval_) {
    inventory_interval_ = wishes_.inventory_interval;
    inventory_timer_ = loop_.every(inventory_interval_, [this] { read_packages(nullptr); });
  }
  ask();
  plan_scan();
  sink_.turn_over();
}

void Sources::tell_file(const std::string& path, const PathTrace& trace) {
  sink_.file(path, file_value(trace), why_unseen(trace.end));
  sink_.turn_over();
  plan_scan();
}

void Sources::recheck(std::function<void()> done) {
  open_network();
  for (const auto& family : collectors()) {
    if (family.name != "packages") collect(std::string(family.name));
  }
  if (family_files_) family_files_->recheck();
  watch(Wishes(wishes_));
  sink_.turn_over();
  asking_.recheck([this, done = std::move(done)]() mutable { read_packages(std::move(done)); });
}

bool Sources::files_by_event() const { return wanted_files_ && wanted_files_->complete() && !wanted_without_events_; }

void Sources::plan_scan() {
  const bool wanted =
      !network_ || ruleset_ < 0 || !host_name_ || !family_files_ || !family_files_->complete() || !files_by_event();
  if (wanted == static_cast<bool>(scan_timer_)) return;
  if (!wanted) return scan_timer_.cancel();
  scan_timer_ = loop_.every(kScan, [this] { scan(); });
}

void Sources::scan() {
  if (!network_) {
    open_network();
    collect("network");
  }
  if (ruleset_ < 0) collect("protection");
  if (!host_name_) collect("os");
  if (family_files_ && !family_files_->complete()) family_files_->recheck();
  if (!files_by_event()) look_at_files();
  if (!family_files_) {
    for (const auto& family : collectors()) {
      auto stamp = stamp_of(files_read_by(family));
      auto& before = stamps_[std::string(family.name)];
      if (stamp == before) continue;
      before = std::move(stamp);
      soon(std::string(family.name));
    }
  }
  sink_.turn_over();
}

void Sources::look_at_files() {
  if (wanted_files_) return wanted_files_->recheck();
  for (const auto& path : wanted_paths_) {
    auto trace = trace_path(path);
    if (trace == traces_[path]) continue;
    sink_.file(path, file_value(trace), why_unseen(trace.end));
    traces_[path] = std::move(trace);
  }
}

std::vector<Source> Sources::list() const {
  std::vector<Source> out;
  const auto add = [&](std::string name, bool events, std::string by, std::string why) {
    out.push_back({std::move(name), events, std::move(by), events ? std::string() : std::move(why), kScan});
  };
  add("process starts", processes_ && processes_->starts_by_event(), "fanotify",
      processes_ ? processes_->why_no_events() : "");
  add("process ends", true, "pidfd", "");
  const auto files_why = !wanted_files_ ? why_no_inotify_
                         : wanted_without_events_ ? "a file system that sends no events"
                                                  : "the limit of inotify watches is reached";
  add("files", files_by_event(), "inotify", files_why);
  const bool by_inotify = family_files_ && family_files_->complete();
  const auto family_why = family_files_ ? "the limit of inotify watches is reached" : why_no_inotify_;
  for (const auto& family : collectors()) {
    const std::string name(family.name);
    if (name == "network") {
      add(name, network_ != nullptr, "rtnetlink", why_no_network_);
    } else if (name == "protection") {
      add(name, by_inotify && ruleset_ >= 0, "inotify, nftables, pidfd", ruleset_ < 0 ? why_no_ruleset_ : family_why);
    } else if (name == "os") {
      add(name, by_inotify && host_name_, "inotify, poll", !host_name_ ? why_no_host_name_ : family_why);
    } else if (family.files.empty()) {
      add(name, true, "", "");  // does not change while the machine runs
    } else {
      add(name, by_inotify, "inotify", family_why);
    }
  }
  const bool starts = processes_ && processes_->starts_by_event();
  for (auto& source : asking_.list({mounts_ != nullptr, network_ != nullptr, ruleset_ >= 0, starts})) {
    out.push_back(std::move(source));
  }
  return out;
}

}  // namespace postern::agent
