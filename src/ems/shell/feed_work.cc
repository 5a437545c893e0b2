#include "ems/shell/feed_work.h"

#include <system_error>
#include <utility>

#include "base/log.h"
#include "ems/feeds/copy.h"
#include "ems/feeds/schedule.h"
#include "ems/shell/feed_fetch.h"

namespace postern::ems {
namespace {

/// What was found in it, without what the last looks at its source came to.
void take_content(Feed& to, const Feed& from) {
  Feed out = from.described_as(to);
  out.error = to.error;
  out.failed_at = to.failed_at;
  out.checked_at = to.checked_at;
  out.etag = to.etag;
  out.last_modified = to.last_modified;
  to = std::move(out);
}

}  // namespace

void FeedService::Work::run() {
  if (started) {
    for (const auto& feed : feeds) recover_copy(feed_file(directory, feed.name), feed.sha256);
  }
  for (auto& take : takes) {
    const auto target = feed_file(directory, take.feed.name);
    take.result = take_feed(take.feed.name, take.source, target, take.feed.kind, take.downloaded, take.feed.sha256);
    std::error_code ignored;
    if (take.downloaded) std::filesystem::remove(take.source, ignored);
    if (!take.result || !take.result->changed) continue;
    load = true;
    for (auto& feed : feeds) {
      if (feed.name != take.feed.name) continue;
      feed.loaded_at = at;
      feed.sha256 = take.result->sha256;
    }
  }
  if (!load) return;
  std::vector<FeedFile> files;
  for (const auto& feed : feeds) {
    std::error_code ec;
    const auto file = feed_file(directory, feed.name);
    // One that was in force and has lost its file is damage, and not a feed less.
    if (feed.in_use() || std::filesystem::exists(file, ec)) files.push_back({feed, file});
  }
  loaded = load_matching(files, at, in_force);
}

void FeedService::work() {
  if (busy_ || (takes_.empty() && !load_)) return;
  drop_replaced();
  busy_ = true;
  auto work = std::make_shared<Work>();
  work->directory = options_.directory;
  work->load = std::exchange(load_, false);
  work->started = !std::exchange(recovered_, true);
  loading_ = work->load;
  work->at = now().wall;
  work->in_force = matching_;
  for (const auto& [name, downloaded] : std::exchange(takes_, {})) {
    Work::Take take;
    take.feed = known(name);
    take.downloaded = downloaded;
    take.source = downloaded ? feed_part_file(options_.directory, name) : std::filesystem::path(take.feed.path);
    if (auto& fetch = sources_[name].fetch) {
      take.feed.etag = fetch->etag;
      take.feed.last_modified = fetch->last_modified;
      fetch.reset();
    }
    show(name);
    work->takes.push_back(std::move(take));
  }
  for (const auto& [name, source] : sources_) {
    work->feeds.push_back(known(name));
    if (loading_) show(name);
  }
  loop_.offload([work] { work->run(); }, [this, work] { finished(*work); });
}

void FeedService::finished(Work& work) {
  busy_ = loading_ = false;
  const auto at = now();
  const auto gone = [&](const std::string& name) { return !sources_.contains(name); };
  std::map<std::string, Feed> outcome;
  for (const auto& loaded : work.loaded.feeds) {
    if (gone(loaded.name)) continue;
    auto feed = known(loaded.name);
    take_content(feed, loaded);
    if (work.loaded.damaged.contains(loaded.name)) {  // its copy on this disk
      feed.error = loaded.error;
      feed.failed_at = loaded.failed_at;
      feed.etag.clear();
      feed.last_modified.clear();
      auto& source = sources_[feed.name];
      source.next_check = at.wall + feed_delay(feed.interval, ++source.failures, random_);
      log_error("feed.failed", feed.error, {{"feed", feed.name}});
    }
    outcome[feed.name] = std::move(feed);
  }
  for (auto& take : work.takes) {
    if (gone(take.feed.name)) continue;
    auto& source = sources_[take.feed.name];
    source.taking = takes_.contains(take.feed.name);
    const auto is = known(take.feed.name);
    if (is.url != take.feed.url || is.path != take.feed.path) continue;  // it comes from elsewhere by now
    auto& feed = outcome.try_emplace(take.feed.name, is).first->second;
    if (take.result && !work.loaded.damaged.contains(take.feed.name)) {
      feed.error.clear();
      feed.failed_at = {};
      feed.checked_at = at.wall;
      feed.bytes = take.result->bytes;
      feed.sha256 = take.result->sha256;
      if (take.result->changed) replaced_.insert(feed.name);
      feed.etag = take.feed.etag;
      feed.last_modified = take.feed.last_modified;
      source.failures = 0;
      log_info("feed.loaded", take.result->changed ? "a vulnerability feed is in use" : "a vulnerability feed is unchanged",
               {{"feed", feed.name}, {"kind", feed.kind}, {"records", std::to_string(feed.records)}});
    } else {
      if (!take.result && work.loaded.damaged.contains(take.feed.name)) {
        feed.error += "; its source: " + take.result.error().message;
      } else if (!take.result) {
        feed.error = take.result.error().message;
        if (feed.in_use()) feed.error += "; what was read before stays in use";
      }
      feed.failed_at = at.wall;
      ++source.failures;
      log_error("feed.failed", feed.error, {{"feed", feed.name}});
    }
    source.next_check = at.wall + feed_delay(feed.interval, source.failures, random_);
  }
  if (work.load) matching_ = work.loaded.matching;
  // All of the command line, and of the others those about which there is something new.
  std::vector<Feed> feeds;
  for (const auto& [name, feed] : given_) {
    const auto it = outcome.find(name);
    feeds.push_back(it == outcome.end() ? known(name) : std::move(it->second));
    feeds.back().given = true;
    feeds.back().path = feed.path;
    if (it != outcome.end()) outcome.erase(it);
  }
  for (const auto& [path, why] : unlisted_) {
    Feed feed;
    feed.name = feed.path = path;
    feed.given = true;
    feed.error = why;
    feed.failed_at = at.wall;
    feeds.push_back(std::move(feed));
  }
  for (auto& [name, feed] : outcome) {
    if (!gone(name)) feeds.push_back(std::move(feed));
  }
  core_.set_matching(at, matching_, feeds);
  for (const auto& [name, source] : sources_) show(name);
  options_.after_event();
  this->work();
}

}  // namespace postern::ems
