// Vulnerability feeds: what they are and what became of them. Fetching and reading is the shell's.
#include <algorithm>
#include <utility>

#include "ems/core/impl.h"
#include "ems/feeds/source.h"
#include "vuln/feed_kind.h"

namespace postern::ems {
namespace {

constexpr std::size_t kMaxFeeds = 64;
constexpr Seconds kShortestFeedInterval{300};
constexpr Seconds kLongestFeedInterval{7 * 24 * 3600};

Error feed_unknown(std::string_view name) { return {ErrorCode::kNotFound, "there is no feed " + std::string(name)}; }

}  // namespace

std::vector<const Feed*> EmsCore::feeds() const {
  std::vector<const Feed*> out;
  for (const auto& [name, feed] : impl_->registry_.feeds.all()) out.push_back(&feed);
  return out;
}

const Feed* EmsCore::feed(std::string_view name) const { return impl_->registry_.feeds.find(std::string(name)); }

void EmsCore::save_feed(Now now, const Actor& actor, Feed feed, bool create_only, DoneStatus done) {
  auto& registry = impl_->registry_;
  const auto refuse = [&](ErrorCode code, std::string why) { impl_->refuse(std::move(done), {code, std::move(why)}); };
  const auto* before = registry.feeds.find(feed.name);
  if (before != nullptr && create_only)
    return refuse(ErrorCode::kAlreadyExists, "there is a feed " + feed.name + " already");
  if (before != nullptr && before->given) {
    return refuse(ErrorCode::kConflict, "this feed stands on the command line of postern-ems; change it there");
  }
  if (!valid_feed_name(feed.name)) {
    return refuse(ErrorCode::kInvalidArgument,
                  "name: a feed's name has 1 to 64 letters, digits, dots, hyphens and underscores");
  }
  if (feed.url.empty() == feed.path.empty())
    return refuse(ErrorCode::kInvalidArgument, "give either a url or a path, from where the feed comes");
  if (!feed.url.empty()) {
    if (const auto url = parse_feed_url(feed.url); !url)
      return refuse(url.error().code, "url: " + url.error().message);
  } else if (!feed.path.starts_with('/')) {
    return refuse(ErrorCode::kInvalidArgument, "path: the whole path of a file on the EMS's machine, from / on");
  }
  if (feed.interval < kShortestFeedInterval || feed.interval > kLongestFeedInterval)
    return refuse(ErrorCode::kInvalidArgument, "interval_s: 300 (5 minutes) to 604800 (7 days)");
  if (before == nullptr && registry.feeds.size() >= kMaxFeeds)
    return refuse(ErrorCode::kResourceExhausted, "there are " + std::to_string(kMaxFeeds) + " feeds already");
  Feed after = (before == nullptr ? Feed{} : *before).described_as(feed);
  // What the server called the old content says nothing about another source.
  if (before != nullptr && (before->url != after.url || before->path != after.path)) {
    after.etag.clear();
    after.last_modified.clear();
    after.checked_at = {};
  }
  impl_->audit(now, actor, before == nullptr ? "feed.create" : "feed.change", feed.name,
               feed.url.empty() ? feed.path : feed.url);
  registry.feeds.edit(feed.name) = std::move(after);
  impl_->complete(std::move(done));
  impl_->after_input(now);
}

void EmsCore::remove_feed(Now now, const Actor& actor, const std::string& name, DoneStatus done) {
  const auto* feed = impl_->registry_.feeds.find(name);
  if (feed == nullptr) return impl_->refuse(std::move(done), feed_unknown(name));
  if (feed->given) {
    return impl_->refuse(std::move(done), {ErrorCode::kConflict,
                                           "this feed stands on the command line of postern-ems; remove it there"});
  }
  impl_->registry_.feeds.erase(name);
  impl_->audit(now, actor, "feed.remove", name);
  impl_->complete(std::move(done));
  impl_->after_input(now);
}

void EmsCore::note_feed(Now now, const Feed& feed) {
  auto& feeds = impl_->registry_.feeds;
  const auto* before = feeds.find(feed.name);
  if (before == nullptr) {
    if (!feed.given) return;  // removed meanwhile
    feeds.edit(feed.name) = feed;
    return impl_->after_input(now);
  }
  Feed after = feed.described_as(*before);
  if (before->url != feed.url || before->path != feed.path) {  // of a source that it no longer has
    after.etag.clear();
    after.last_modified.clear();
  }
  after.given = feed.given;
  if (feed.given) {
    after.url = feed.url;
    after.path = feed.path;
    after.interval = feed.interval;
  }
  if (after == *before) return;
  feeds.edit(feed.name) = std::move(after);
  impl_->after_input(now);
}

void EmsCore::show_feed_state(Now now, std::string_view name, FeedState state, WallTime next_check, std::uint64_t fetched) {
  auto* feed = impl_->registry_.feeds.quietly(std::string(name));
  if (feed == nullptr) return;
  feed->state = state;
  feed->next_check = next_check;
  feed->fetched = fetched;
  auto& read = impl_->feeds_being_read_;
  if (feed->busy()) read.try_emplace(feed->name, now.wall);
  const bool busy = std::ranges::any_of(read, [&](const auto& row) {
    const auto* one = impl_->registry_.feeds.find(row.first);
    return one != nullptr && one->busy();
  });
  if (!busy) read.clear();
}

void EmsCore::set_matching(Now now, std::shared_ptr<const Matching> matching, const std::vector<Feed>& feeds) {
  std::vector<std::string> gone;
  for (const auto& [name, feed] : impl_->registry_.feeds.all()) {
    if (feed.given && std::ranges::none_of(feeds, [&](const Feed& f) { return f.name == name; })) gone.push_back(name);
  }
  for (const auto& name : gone) impl_->registry_.feeds.erase(name);
  for (const auto& feed : feeds) note_feed(now, feed);
  const bool same = impl_->matching_set_ && impl_->matching_ == matching;
  const auto before = std::exchange(impl_->matching_, std::move(matching));
  impl_->matching_set_ = true;
  const bool kev = std::ranges::any_of(impl_->registry_.feeds.all(), [](const auto& row) {
    return row.second.kind == vuln::feed_kind_name(vuln::FeedKind::kKev) && row.second.in_use();
  });
  if (std::exchange(impl_->kev_in_use_, kev) != kev) {
    impl_->rematch_later();  // of everybody it is known now what is exploited, or of nobody any more
  } else if (!same) {
    impl_->rematch_what_differs_later(before);
  }
  impl_->after_input(now);
}

}  // namespace postern::ems
