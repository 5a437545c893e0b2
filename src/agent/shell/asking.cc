#include "agent/shell/asking.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "agent/shell/sources.h"
#include "posture/unknown_source.h"

namespace postern::agent {
namespace {

// Between two answers lies fifty times what the first cost of a processor, so that a file that is written without end costs two
// per cent of one; not more than kLongestRest while the family has not used up what it saved: what costs much and changes
// seldom is read again before it is late.
constexpr std::chrono::seconds kLongestRest{2};
// What the loop does for an answer costs something too.
constexpr std::chrono::milliseconds kLeastRest{20};
constexpr std::chrono::seconds kSaved{6};       // of one family, or key
constexpr std::chrono::seconds kSavedOfAll{10};  // of all that costs much
constexpr std::chrono::seconds kLookForLate{1};
// What was cheap so far may be dear next time: whoever owns the file may see to that.
constexpr double kLeastShare = 0.2;

}  // namespace

struct Asking::Family {
  std::string name;
  const AskedFamily* what = nullptr;
  Question question;
  Triggers triggers;
  bool running = false, again = false, again_at_once = false, queued = false, planned = false;
  bool at_once = false;             // is queued by who does not wait for rests
  bool answered = false;            // all of the question, at least once
  net::Handle pause, interval, rest;
  MonoTime rest_until{}, queued_at{};
  std::optional<MonoTime> due;      // since when something is to be read that is not being read yet
  std::optional<MonoTime> reading;  // likewise, of what is being read
  bool late = false;                // told as unknown because of that
  std::chrono::nanoseconds expected{0}, spent{0};  // of a processor: the next reading at worst, the last one
  double share = 1;                 // of what a reading may cost at worst, the most that one did
  Allowance allowance{kSaved};
  Seconds every{0};                 // of `interval`
};

Asking::Asking(net::Loop& loop, const Clock& clock, std::filesystem::path root, Sink sink, Finder finder,
               ProcessorTime processor)
    : loop_(loop), clock_(clock), root_(std::move(root)), sink_(std::move(sink)), finder_(finder), processor_(processor),
      places_(loop, [this](const std::string& name) { event(name); }), much_(kSavedOfAll),
      lanes_{Lane(loop), Lane(loop), Lane(loop)} {}

Asking::~Asking() { *alive_ = false; }

void Asking::ask(const std::set<std::string>& keys) {
  std::map<std::string, std::pair<const AskedFamily*, std::set<std::string, std::less<>>>> wanted;
  posture::FactMap unknown;
  const auto now = clock_.now().wall;
  for (const auto& key : keys) {
    if (const auto* family = finder_(key)) {
      auto& [what, its] = wanted[family->apart ? key : std::string(family->name)];
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
      one->name = name;
      one->what = family.first;
    }
    if (Question question(std::move(family.second)); question != one->question) change(*one, std::move(question));
  }
  sink_.processes_changed();
  tell_done();
  if (!unknown.empty()) sink_.answers(unknown);
}

void Asking::change(Family& family, Question question) {
  family.question = std::move(question);
  family.answered = false;
  family.share = 1;
  start(family, true);
}

void Asking::watch(Family& family) {
  if (family.what->triggers == nullptr) return;
  const Facts facts(root_, clock_.now().wall);
  auto triggers = family.what->triggers(family.question, facts);
  const auto& name = family.name;
  std::set<std::string> places;
  for (const auto& file : triggers.files) places.insert(facts.path(file));
  places_.watch(name, places);
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
}

void Asking::unwatch(Family& family) {
  const auto& name = family.name;
  places_.forget(name);
  family.triggers = {};
  family.pause = {};
  family.rest = {};
  family.interval = {};
  family.every = {};
  family.again = family.again_at_once = family.queued = false;
  family.due.reset();
  for (auto& waiting : waiting_) std::erase(waiting, name);
}

void Asking::event(const std::string& name) {
  const auto it = families_.find(name);
  if (it == families_.end()) return;
  auto& family = *it->second;
  due(family);
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

void Asking::due(Family& family) {
  if (!family.due && !family.question.empty()) family.due = clock_.now().mono;
  if (family.due && !late_timer_) late_timer_ = loop_.every(kLookForLate, [this] { look_for_late(); });
}

Asking::Where Asking::where(const Family& family) const {
  return family.what->slow ? kSlow : family.what->costly || family.expected > kMuch ? kCostly : kQuick;
}

void Asking::start(Family& family, bool at_once) {
  if (family.running) {
    family.again = true;
    family.again_at_once = family.again_at_once || at_once;
    return due(family);
  }
  if (family.queued) {
    family.at_once = family.at_once || at_once;
    return next(where(family));
  }
  const auto rest = family.rest_until - clock_.now().mono;
  if (!at_once && rest.count() > 0) {
    if (!family.rest) {
      family.rest = loop_.after(rest, [this, name = family.name] {
        const auto it = families_.find(name);
        if (it == families_.end()) return;
        it->second->rest = {};
        queue(*it->second, false);
      });
    }
    return;
  }
  queue(family, at_once);
}

void Asking::queue(Family& family, bool at_once) {
  if (family.running || family.queued) return;
  family.rest = {};
  due(family);
  family.expected = family.spent;
  if (family.what->cost != nullptr) {
    const auto worst = family.what->cost(family.question, Facts(root_, clock_.now().wall));
    family.expected = std::chrono::nanoseconds(static_cast<std::int64_t>(static_cast<double>(worst.count()) * family.share));
  }
  family.queued = true;
  family.at_once = at_once || !family.answered;
  family.queued_at = clock_.now().mono;
  const auto lane = where(family);
  waiting_[lane].push_back(family.name);
  next(lane);
}

void Asking::next(Where lane) {
  auto& waiting = waiting_[lane];
  if (lanes_[lane].busy() || waiting.empty()) return;
  const auto now = clock_.now().mono;
  const auto family = [this](const std::string& name) -> Family& { return *families_.at(name); };
  // Who has waited long comes first, by when he came; then who costs least.
  const auto before = [&](const std::string& a, const std::string& b) {
    const bool long_a = now - family(a).queued_at >= kLate / 2, long_b = now - family(b).queued_at >= kLate / 2;
    return long_a != long_b ? long_a : !long_a && family(a).expected < family(b).expected;
  };
  if (lane == kCostly) std::ranges::stable_sort(waiting, before);
  auto chosen = waiting.begin();
  if (const auto rest = much_.wait(now); lane == kCostly && rest.count() > 0) {
    // Together they have used up what they may: only what has had no answer yet, or was asked for by a person, goes on.
    chosen = std::ranges::find_if(waiting, [&](const auto& name) { return family(name).at_once; });
    if (chosen == waiting.end()) {
      much_rest_ = loop_.after(rest, [this] { next(kCostly); });
      return;
    }
  }
  auto& one = family(*chosen);
  waiting.erase(chosen);
  run(one, lane);
}

void Asking::run(Family& family, Where lane) {
  family.running = true;
  family.queued = family.again = false;
  family.reading = std::exchange(family.due, std::nullopt);
  watch(family);  // before it is read: what changes after that is told
  struct Reading {
    posture::FactMap facts;
    std::chrono::nanoseconds cost{0};
  };
  auto reading = std::make_shared<Reading>();
  lanes_[lane].run(
      [reading, what = family.what, question = family.question, root = root_, now = clock_.now().wall, used = processor_] {
        const auto before = used();
        reading->facts = answer(*what, question, root, now);
        reading->cost = used() - before;
      },
      [this, reading, lane, name = family.name, question = family.question, alive = alive_] {
        if (!*alive) return;
        spent(name, lane, reading->cost);
        answered(name, question, reading->facts);
        next(lane);
      });
}

void Asking::spent(const std::string& name, Where lane, std::chrono::nanoseconds cost) {
  const auto now = clock_.now().mono;
  if (lane == kCostly) much_.spend(now, cost);
  const auto it = families_.find(name);
  if (it == families_.end()) return;
  auto& family = *it->second;
  const double share = family.expected.count() > 0 ? static_cast<double>(cost.count()) / static_cast<double>(family.expected.count()) : 1;
  // Of the worst case: the next reading may cost what the dearest one so far did for its size.
  const double more = family.answered ? std::max(1.0, share) : share;
  family.share = std::clamp(family.share * more, kLeastShare, 1.0);
  family.spent = cost;
  family.allowance.spend(now, cost);
  const auto rest = std::clamp<std::chrono::nanoseconds>(cost * Allowance::kPart, kLeastRest, kLongestRest);
  family.rest_until = now + std::max(rest, family.allowance.wait(now));
}

void Asking::answered(const std::string& name, const Question& question, const posture::FactMap& facts) {
  const auto it = families_.find(name);
  if (it != families_.end()) {
    auto& family = *it->second;
    family.running = family.late = false;
    family.reading.reset();
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
  sink_.turn_over();
  tell_done();
}

void Asking::look_for_late() {
  const auto now = clock_.now();
  bool any = false;
  posture::FactMap late;
  for (auto& [name, family] : families_) {
    const auto since = family->reading ? family->reading : family->due;
    if (!since || family->question.empty()) continue;
    any = true;
    if (family->late || now.mono - *since <= (family->what->slow ? kSlowLate : kLate)) continue;
    family->late = true;
    for (const auto& key : family->question.keys()) {
      late[key] = {posture::Unknown{posture::UnknownReason::kStale}, now.wall,
                   posture::unknown_source("agent", "it may have changed, and could not be read yet")};
    }
  }
  if (!any) late_timer_.cancel();
  if (late.empty()) return;
  sink_.answers(late);
  sink_.turn_over();
}

void Asking::recheck(std::function<void()> done) {
  places_.recheck();
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
  places_.recheck();
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

std::vector<Source> Asking::list(const Told& told) const {
  struct Sum {
    Triggers triggers;
    bool places = false, blind = false;
  };
  std::map<std::string_view, Sum> sums;  // of a family whose keys are read apart
  for (const auto& [key, family] : families_) {
    if (family->question.empty()) continue;
    const auto& t = family->triggers;
    auto& sum = sums[family->what->name];
    const auto reads = places_.reader(key);
    sum.places = sum.places || !reads.places.empty();
    sum.blind = sum.blind || reads.blind;
    sum.triggers.mounts = sum.triggers.mounts || t.mounts;
    sum.triggers.network = sum.triggers.network || t.network;
    sum.triggers.ruleset = sum.triggers.ruleset || t.ruleset;
    if (!t.processes.empty()) sum.triggers.processes = t.processes;
    const bool looks = t.interval.count() > 0 && !t.few;
    if (!looks || (sum.triggers.interval.count() > 0 && sum.triggers.interval <= t.interval)) continue;
    sum.triggers.interval = t.interval;
    sum.triggers.why = t.why;
  }
  std::vector<Source> out;
  for (const auto& [name, sum] : sums) {
    const auto& t = sum.triggers;
    Source source{"asked: " + std::string(name), true, {}, {}, Seconds(0)};
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
    add(sum.places, places_.complete() && !sum.blind, "inotify", places_.why_looked_at(sum.blind));
    add(t.mounts, told.mounts, "poll", "the table of mounts can't be polled");
    add(t.network, told.network, "rtnetlink", "the network's changes are not told");
    add(t.ruleset, told.ruleset, "nftables", "nftables' changes are not told");
    add(!t.processes.empty(), told.processes, "fanotify, pidfd", "starts of processes are looked for");
    if (t.interval.count() > 0) {
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
