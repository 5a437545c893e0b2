#include "ems/shell/feed_service.h"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "base/file.h"
#include "base/log.h"
#include "ems/feeds/copy.h"
#include "ems/feeds/schedule.h"
#include "ems/feeds/store.h"
#include "ems/shell/feed_fetch.h"

namespace postern::ems {

FeedService::FeedService(net::Loop& loop, EmsCore& core, const Clock& clock, Random& random, FeedServiceOptions options)
    : loop_(loop), core_(core), clock_(clock), random_(random), options_(std::move(options)) {}
FeedService::~FeedService() = default;

Feed FeedService::known(const std::string& name) const {
  const auto given = given_.find(name);
  if (const auto* row = core_.feed(name)) {
    Feed out = *row;
    if (given != given_.end()) {
      out.given = true;
      out.path = given->second.path;
    }
    return out;
  }
  return given == given_.end() ? Feed{} : given->second;
}

void FeedService::expand_given() {
  std::map<std::string, Feed> found;
  unlisted_.clear();
  for (const auto& path : options_.given) {
    const auto files = feeds_given(path);
    if (!files) {
      unlisted_[path.string()] = files.error().message;
      log_error("feed.failed", files.error().message, {{"feed", path.string()}});
      // What was found in it before stays.
      for (const auto& [name, feed] : given_) {
        if (name.starts_with(path.string() + "/")) found.emplace(name, feed);
      }
      continue;
    }
    for (const auto& other : files->passed) {
      if (!passed_.insert(other).second) continue;
      log_warning("feed.passed_over",
                  "only files are read in a directory of feeds: no subdirectory, pipe, or link to what is no file",
                  {{"path", other}});
    }
    for (const auto& file : files->files) {
      Feed feed;
      feed.name = feed.path = file;
      feed.given = true;
      found.emplace(file, std::move(feed));
    }
  }
  given_ = std::move(found);
}

void FeedService::start() {
  if (auto ok = make_directories(options_.directory, 0700); !ok) {
    log_error("feed.directory", ok.error().message, {{"directory", options_.directory.string()}});
  }
  expand_given();
  std::vector<std::string> names;
  for (const auto& [name, feed] : given_) names.push_back(name);
  for (const auto* feed : core_.feeds()) {
    // Of the command line before this one: set_matching forgets it.
    if (!feed->given) names.push_back(feed->name);
  }
  drop_other_feed_files(options_.directory, names);
  sync();
  for (const auto& [name, feed] : given_) take(name, false);
  for (const auto* feed : core_.feeds()) {
    if (!feed->given && !feed->path.empty()) take(feed->name, false);
  }
  load_ = true;
  work();
}

void FeedService::sync() {
  for (auto it = sources_.begin(); it != sources_.end();) {
    const auto* row = core_.feed(it->first);
    if (given_.contains(it->first) || (row != nullptr && !row->given)) {
      ++it;
      continue;
    }
    std::error_code ignored;
    std::filesystem::remove(feed_file(options_.directory, it->first), ignored);
    drop_replaced_copy(feed_file(options_.directory, it->first));
    std::filesystem::remove(feed_part_file(options_.directory, it->first), ignored);
    takes_.erase(it->first);
    it = sources_.erase(it);
    load_ = true;
  }
  for (const auto& [name, feed] : given_) sources_[name].origin = feed.path;
  for (const auto* feed : core_.feeds()) {
    if (feed->given) continue;
    const auto origin = feed->url.empty() ? feed->path : feed->url;
    auto& source = sources_[feed->name];
    if (source.origin != origin) {
      source.origin = origin;
      source.fetch.reset();
      source.failures = 0;
      // Soon after a start, else when the interval since the last look is over.
      const bool waits = feed->checked_at != WallTime() && feed->error.empty();
      source.next_check = waits ? feed->checked_at + feed->interval : now().wall;
    } else if (source.failures == 0 && feed->checked_at != WallTime()) {
      source.next_check = std::min(source.next_check, feed->checked_at + feed_delay(feed->interval, 0, random_));
    }
    show(feed->name);
  }
}

void FeedService::show(const std::string& name) {
  const auto it = sources_.find(name);
  if (it == sources_.end()) return;
  const auto& source = it->second;
  const auto* row = core_.feed(name);
  auto state = row != nullptr && !row->error.empty() ? FeedState::kFailed : FeedState::kIdle;
  if (source.taking || (loading_ && row != nullptr && row->in_use())) state = FeedState::kReading;
  if (source.fetch) state = FeedState::kFetching;
  core_.show_feed_state(now(), name, state, given_.contains(name) ? WallTime() : source.next_check,
                         source.fetch ? source.fetch->bytes : 0);
}

void FeedService::changed() {
  sync();
  tick();
  work();
}

bool FeedService::busy() const {
  return busy_ || load_ || !takes_.empty() ||
         std::ranges::any_of(sources_, [](const auto& s) { return s.second.fetch != nullptr; });
}

void FeedService::drop_replaced() {
  if (core_.flush_wanted()) return;  // their rows may not be on the disk yet
  for (const auto& name : std::exchange(replaced_, {})) drop_replaced_copy(feed_file(options_.directory, name));
}

void FeedService::tick() {
  if (!busy_) drop_replaced();
  const auto at = now().wall;
  std::vector<std::string> due;
  std::vector<std::string> slow;
  for (auto& [name, source] : sources_) {
    if (source.fetch) show(name);  // how far it is
    if (source.fetch && too_slow(*source.fetch)) slow.push_back(name);
    if (given_.contains(name) || source.fetch || source.taking) continue;
    const auto* row = core_.feed(name);
    if (row == nullptr) continue;
    // A clock that was set back must not stop it.
    if (source.next_check > at + 2 * row->interval) source.next_check = at + row->interval;
    if (source.next_check <= at) due.push_back(name);
  }
  for (const auto& name : slow) {
    failed(name, {ErrorCode::kUnavailable,
                  fmt::format("{}: the server sends less than {} bytes a second; given up after {} bytes", sources_[name].fetch->url.str(),
                              options_.least_pace, sources_[name].fetch->bytes)});
  }
  for (const auto& name : due) begin(name);
}

bool FeedService::too_slow(const Fetch& fetch) const {
  const auto took = std::chrono::duration_cast<Seconds>(now().mono - fetch.since);
  return took >= options_.pace_after && fetch.bytes / static_cast<std::uint64_t>(took.count()) < options_.least_pace;
}

void FeedService::refresh(const std::string& name) {
  if (name.empty()) {
    expand_given();
    sync();
  }
  std::vector<std::string> names;
  for (const auto& [known, source] : sources_) {
    if (name.empty() || known == name) names.push_back(known);
  }
  for (const auto& each : names) begin(each);
  work();
}

void FeedService::begin(const std::string& name) {
  auto& source = sources_[name];
  if (source.fetch || (source.taking && takes_.contains(name))) return;
  const auto feed = known(name);
  if (feed.url.empty()) {
    take(name, false);
    return work();
  }
  if (source.taking) return;  // just fetched
  begin_fetch(feed);
}

void FeedService::succeeded(Feed feed) {
  auto& source = sources_[feed.name];
  feed.error.clear();
  feed.failed_at = {};
  feed.checked_at = now().wall;
  source.failures = 0;
  source.next_check = feed.checked_at + feed_delay(feed.interval, 0, random_);
  core_.note_feed(now(), feed);
  show(feed.name);
}

void FeedService::failed(const std::string& name, const Error& error) {
  auto& source = sources_[name];
  source.fetch.reset();
  std::error_code ignored;
  std::filesystem::remove(feed_part_file(options_.directory, name), ignored);
  auto feed = known(name);
  feed.error = error.message;
  if (feed.in_use()) feed.error += "; what was read before stays in use";
  feed.failed_at = now().wall;
  ++source.failures;
  source.next_check = feed.failed_at + feed_delay(feed.interval, source.failures, random_);
  log_error("feed.failed", feed.error, {{"feed", name}});
  core_.note_feed(now(), feed);
  show(name);
  options_.after_event();
}

void FeedService::take(const std::string& name, bool downloaded) {
  takes_[name] = downloaded;
  sources_[name].taking = true;
  show(name);
}

}  // namespace postern::ems
