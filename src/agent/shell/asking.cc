#include "agent/shell/asking.h"

#include <algorithm>
#include <ctime>
#include <utility>

#include "agent/shell/sources.h"
#include "agent/watch/file_events.h"

namespace postern::agent {
namespace {

constexpr std::chrono::seconds kLookAtFiles{1};
// A family rests for so many times what its last answer cost of a processor, so that a file that is written without end
// costs two per cent of one.
constexpr int kRestFactor = 50;
constexpr std::chrono::seconds kLongestRest{10};

/// Of this thread, so far.
std::chrono::nanoseconds processor_time() {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec);
}

}  // namespace

struct Asking::Family {
  const AskedFamily* what = nullptr;
  Question question;
  Triggers triggers;
  std::vector<std::string> places;  // of triggers.files, as they are watched
  bool blind = false;               // one of them lies where the kernel sends no events
  bool running = false, again = false, again_at_once = false, queued = false, planned = false;
  bool answered = false;            // all of the question, at least once
  net::Handle pause, interval, rest;
  MonoTime rest_until{};
  Seconds every{0};                 // of `interval`
  std::string stamp;
};

Asking::Asking(net::Loop& loop, const Clock& clock, std::filesystem::path root, Sink sink)
    : loop_(loop), clock_(clock), root_(std::move(root)), sink_(std::move(sink)) {
  if (auto files = PathWatch::open(loop_)) {
    files_ = std::move(*files);
  } else {
    why_no_inotify_ = files.error().message;
  }
}

Asking::~Asking() { *alive_ = false; }

void Asking::ask(const std::set<std::string>& keys) {
  std::map<std::string, std::pair<const AskedFamily*, std::set<std::string, std::less<>>>> wanted;
  posture::FactMap unknown;
  const auto now = clock_.now().wall;
  for (const auto& key : keys) {
    if (const auto* family = family_of(key)) {
      auto& [what, its] = wanted[std::string(family->name)];
      what = family;
      its.insert(key);
    } else {
      unknown[key] = unknown_key(now);
    }
  }
  for (auto it = families_.begin(); it != families_.end();) {
    if (wanted.contains(it->first)) {
      ++it;
      continue;
    }
    auto& family = *it->second;
    unwatch(family);
    if (!family.running) {
      it = families_.erase(it);
      continue;
    }
    // Until what is being read has been: nobody asks one family two things at once.
    family.question = {};
    family.answered = true;
    ++it;
  }
  for (auto& [name, family] : wanted) {
    auto& one = families_[name];
    if (!one) {
      one = std::make_unique<Family>();
      one->what = family.first;
    }
    if (Question question(std::move(family.second)); question != one->question) change(*one, std::move(question));
  }
  sink_.processes_changed();
  plan_scan();
  tell_done();
  if (!unknown.empty()) sink_.answers(unknown);
}

void Asking::change(Family& family, Question question) {
  family.question = std::move(question);
  family.answered = false;
  start(family, true);
}

void Asking::watch(Family& family) {
  if (family.what->triggers == nullptr) return;
  const Facts facts(root_, clock_.now().wall);
  auto triggers = family.what->triggers(family.question, facts);
  const std::string name(family.what->name);
  std::set<std::string> places;
  for (const auto& file : triggers.files) places.insert(facts.path(file));
  for (const auto& place : family.places) {
    if (places.contains(place)) continue;
    auto& readers = paths_[place];
    readers.erase(name);
    if (!readers.empty()) continue;
    paths_.erase(place);
    if (files_) files_->forget(place);
  }
  family.blind = false;
  for (const auto& place : places) {
    auto& readers = paths_[place];
    if (files_ && readers.empty()) {
      files_->watch(place, PathWatchKind::kContent, [this, place](const PathTrace&) {
        const auto it = paths_.find(place);
        if (it == paths_.end()) return;
        for (const auto& reader : it->second) event(reader);
      });
    }
    readers.insert(name);
    for (const auto& [directory, entry] : trace_path(place).steps) {
      family.blind = family.blind || without_events(directory);
    }
  }
  family.places.assign(places.begin(), places.end());
  if (triggers.interval != family.every) {
    family.every = triggers.interval;
    family.interval = {};
    if (family.every.count() > 0) {
      family.interval = loop_.every(family.every, [this, name] {
        if (const auto it = families_.find(name); it != families_.end() && !it->second->running) start(*it->second);
      });
    }
  }
  const bool processes = triggers.processes != family.triggers.processes;
  family.triggers = std::move(triggers);
  if (processes) sink_.processes_changed();
  plan_scan();
}

void Asking::unwatch(Family& family) {
  const std::string name(family.what->name);
  for (const auto& place : family.places) {
    auto& readers = paths_[place];
    readers.erase(name);
    if (!readers.empty()) continue;
    paths_.erase(place);
    if (files_) files_->forget(place);
  }
  family.places.clear();
  family.triggers = {};
  family.pause = {};
  family.rest = {};
  family.interval = {};
  family.every = {};
  family.blind = family.again = family.again_at_once = family.queued = false;
  std::erase(waiting_, name);
}

void Asking::event(const std::string& name) {
  const auto it = families_.find(name);
  if (it == families_.end()) return;
  auto& family = *it->second;
  if (family.pause || family.planned) return;
  const auto begin = [this, name, alive = alive_] {
    if (!*alive) return;
    const auto found = families_.find(name);
    if (found == families_.end()) return;
    found->second->pause = {};
    found->second->planned = false;
    if (!found->second->question.empty()) start(*found->second);
  };
  if (family.what->pause.count() > 0) {
    family.pause = loop_.after(family.what->pause, begin);
  } else {
    family.planned = true;
    loop_.post(begin);
  }
}

void Asking::start(Family& family, bool at_once) {
  if (family.running) {
    family.again = true;
    family.again_at_once = family.again_at_once || at_once;
    return;
  }
  if (family.queued) return;
  const auto rest = family.rest_until - clock_.now().mono;
  if (!at_once && rest.count() > 0) {
    if (!family.rest) {
      family.rest = loop_.after(rest, [this, name = std::string(family.what->name)] {
        const auto it = families_.find(name);
        if (it == families_.end()) return;
        it->second->rest = {};
        start(*it->second, true);
      });
    }
    return;
  }
  family.rest = {};
  if (family.what->slow && slow_running_) {
    family.queued = true;
    waiting_.emplace_back(family.what->name);
    return;
  }
  run(family);
}

void Asking::run(Family& family) {
  family.running = true;
  family.queued = family.again = false;
  if (family.what->slow) slow_running_ = true;
  watch(family);  // before it is read: what changes after that is told
  if (!files_ || family.blind || !files_->complete()) family.stamp = stamp_of(family.places);
  struct Reading {
    posture::FactMap facts;
    std::chrono::nanoseconds cost{0};
  };
  auto reading = std::make_shared<Reading>();
  loop_.offload(
      [reading, what = family.what, question = family.question, root = root_, now = clock_.now().wall] {
        const auto before = processor_time();
        reading->facts = answer(*what, question, root, now);
        reading->cost = processor_time() - before;
      },
      [this, reading, name = std::string(family.what->name), question = family.question, alive = alive_] {
        if (!*alive) return;
        const auto rest = std::min<std::chrono::nanoseconds>(reading->cost * kRestFactor, kLongestRest);
        if (const auto it = families_.find(name); it != families_.end()) it->second->rest_until = clock_.now().mono + rest;
        answered(name, question, reading->facts);
      });
}

void Asking::answered(const std::string& name, const Question& question, const posture::FactMap& facts) {
  const auto it = families_.find(name);
  if (it != families_.end()) {
    auto& family = *it->second;
    family.running = false;
    if (family.what->slow) slow_running_ = false;
    posture::FactMap told;
    for (const auto& [key, fact] : facts) {
      if (family.question.has(key)) told.emplace(key, fact);
    }
    family.answered = family.answered || family.question == question;
    if (!told.empty()) sink_.answers(told);
    if (family.question.empty()) {
      families_.erase(it);
    } else if (std::exchange(family.again, false)) {
      start(family, std::exchange(family.again_at_once, false));
    }
  }
  if (!slow_running_ && !waiting_.empty()) {
    const auto next = waiting_.front();
    waiting_.erase(waiting_.begin());
    if (const auto found = families_.find(next); found != families_.end()) {
      found->second->queued = false;
      start(*found->second, true);
    }
  }
  sink_.turn_over();
  tell_done();
}

void Asking::recheck(std::function<void()> done) {
  if (files_) files_->recheck();
  done_.push_back(std::move(done));
  for (auto& [name, family] : families_) {
    if (!family->question.empty()) start(*family, true);
  }
  tell_done();
}

void Asking::tell_done() {
  const bool working = std::ranges::any_of(
      families_, [](const auto& entry) { return entry.second->running || entry.second->queued; });
  if (working) return;
  for (const auto& done : std::exchange(done_, {})) done();
}

std::set<std::string> Asking::processes() const {
  std::set<std::string> out;
  for (const auto& [name, family] : families_) {
    out.insert(family->triggers.processes.begin(), family->triggers.processes.end());
  }
  return out;
}

template <class Wanted>
void Asking::again_where(Wanted wanted) {
  for (const auto& [name, family] : families_) {
    if (wanted(family->triggers)) event(name);
  }
}

void Asking::process_changed(const std::string& name) {
  again_where([&](const Triggers& t) { return std::ranges::find(t.processes, name) != t.processes.end(); });
}

void Asking::mounts_changed() {
  if (files_) files_->recheck();
  again_where([](const Triggers& t) { return t.mounts; });
}

void Asking::network_changed() {
  again_where([](const Triggers& t) { return t.network; });
}

void Asking::ruleset_changed() {
  again_where([](const Triggers& t) { return t.ruleset; });
}

bool Asking::unanswered() const {
  return std::ranges::any_of(families_, [](const auto& entry) { return !entry.second->answered; });
}

void Asking::plan_scan() {
  const bool covered = files_ && files_->complete();
  const bool wanted = std::ranges::any_of(families_, [&](const auto& entry) {
    return !entry.second->places.empty() && (!covered || entry.second->blind);
  });
  if (wanted == static_cast<bool>(scan_timer_)) return;
  if (!wanted) return scan_timer_.cancel();
  scan_timer_ = loop_.every(kLookAtFiles, [this] { scan(); });
}

void Asking::scan() {
  const bool covered = files_ && files_->complete();
  if (files_ && !covered) files_->recheck();
  for (const auto& [name, family] : families_) {
    if (covered && !family->blind) continue;
    if (auto stamp = stamp_of(family->places); stamp != family->stamp) {
      family->stamp = std::move(stamp);
      event(name);
    }
  }
  plan_scan();
}

std::vector<Source> Asking::list(const Told& told) const {
  std::vector<Source> out;
  for (const auto& [name, family] : families_) {
    if (family->question.empty()) continue;
    const auto& t = family->triggers;
    Source source{"asked: " + name, true, {}, {}, Seconds(0)};
    const auto add = [&](bool wanted, bool by_event, const char* by, const std::string& why) {
      if (!wanted) return;
      if (by_event) {
        source.by += (source.by.empty() ? "" : ", ") + std::string(by);
      } else {
        source.events = false;
        source.every = Seconds(1);
        source.note = why;
      }
    };
    const bool inotify = files_ && files_->complete() && !family->blind;
    add(!family->places.empty(), inotify, "inotify",
        !files_         ? why_no_inotify_
        : family->blind ? "a file system that sends no events"
                        : "the limit of inotify watches is reached");
    add(t.mounts, told.mounts, "poll", "the table of mounts can't be polled");
    add(t.network, told.network, "rtnetlink", "the network's changes are not told");
    add(t.ruleset, told.ruleset, "nftables", "nftables' changes are not told");
    add(!t.processes.empty(), told.processes, "fanotify, pidfd", "starts of processes are looked for");
    if (t.interval.count() > 0 && !t.few) {
      source.events = false;
      source.every = t.interval;
      source.note = t.why;
    }
    if (!source.events) source.by.clear();
    out.push_back(std::move(source));
  }
  return out;
}

}  // namespace postern::agent
