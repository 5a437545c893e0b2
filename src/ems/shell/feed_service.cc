#include "ems/shell/feed_service.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include <fmt/format.h>

#include "base/file.h"
#include "base/log.h"
#include "ems/feeds/schedule.h"
#include "ems/feeds/store.h"
#include "ems/tagging/vuln_matching.h"

namespace postern::ems {
namespace {

constexpr int kMaxRedirects = 5;
constexpr std::size_t kMaxRoots = 16u << 20;

/// Certificates that this machine trusts.
Result<std::string> system_roots() {
  std::vector<std::string> places;
  if (const char* chosen = std::getenv("SSL_CERT_FILE"); chosen != nullptr) places.emplace_back(chosen);
  places.insert(places.end(), {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"});
  for (const auto& place : places) {
    if (auto text = read_file(place, kMaxRoots)) return std::move(*text);
  }
  return fail(ErrorCode::kNotFound, "this machine trusts no certificate authority; install its ca-certificates package");
}

/// What was found in it, without what the last looks at its source came to.
void take_content(Feed& to, const Feed& from) {
  Feed out = from;
  out.error = to.error;
  out.failed_at = to.failed_at;
  out.checked_at = to.checked_at;
  out.etag = to.etag;
  out.last_modified = to.last_modified;
  out.name = to.name;
  out.url = to.url;
  out.path = to.path;
  out.given = to.given;
  out.interval = to.interval;
  to = std::move(out);
}

bool is_redirect(int status) { return status == 301 || status == 302 || status == 303 || status == 307 || status == 308; }

}  // namespace

/// A download on its way into a file.
struct FeedService::Fetch {
  FeedUrl url;
  int redirects = 0;
  int fd = -1;
  std::uint64_t bytes = 0;          // that have come
  std::string etag, last_modified;  // of what came
  bool conditional = false;         // the server may answer that nothing is new
  net::Handle handle;

  ~Fetch() {
    if (fd >= 0) ::close(fd);
  }
};

/// What a worker does in one go: takes new contents, then makes the matching anew if any is another one.
struct FeedService::Work {
  struct Take {
    Feed feed;
    bool downloaded = false;
    std::filesystem::path source;
    Result<TakenFeed> result = fail(ErrorCode::kInternal, "");
  };
  std::filesystem::path directory;
  std::vector<Take> takes;
  std::vector<Feed> feeds;  // all there are, as far as they are known
  bool load = false;
  WallTime at{};
  std::shared_ptr<const Matching> in_force;
  LoadedFeeds loaded;

  void run() {
    for (auto& take : takes) {
      const auto target = feed_file(directory, take.feed.name);
      take.result = take_feed(take.feed.name, take.source, target);
      std::error_code ignored;
      if (take.downloaded) std::filesystem::remove(take.source, ignored);
      if (!take.result || !take.result->changed) continue;
      load = true;
      for (auto& feed : feeds) {
        if (feed.name == take.feed.name) feed.loaded_at = at;
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
};

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
    for (const auto& file : *files) {
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

void FeedService::tick() {
  const auto at = now().wall;
  std::vector<std::string> due;
  for (auto& [name, source] : sources_) {
    if (source.fetch) show(name);  // how far it is
    if (given_.contains(name) || source.fetch || source.taking) continue;
    const auto* row = core_.feed(name);
    if (row == nullptr) continue;
    // A clock that was set back must not stop it.
    if (source.next_check > at + 2 * row->interval) source.next_check = at + row->interval;
    if (source.next_check <= at) due.push_back(name);
  }
  for (const auto& name : due) begin(name);
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

void FeedService::begin_fetch(const Feed& feed) {
  auto& source = sources_[feed.name];
  const auto url = parse_feed_url(feed.url);
  if (!url) return failed(feed.name, url.error());
  source.fetch = std::make_unique<Fetch>();
  request(feed.name, *url);
}

void FeedService::request(const std::string& name, FeedUrl url) {
  auto& fetch = *sources_[name].fetch;
  const auto feed = known(name);
  const auto part = feed_part_file(options_.directory, name);
  fetch.bytes = 0;
  if (fetch.fd >= 0) ::close(fetch.fd);
  fetch.fd = ::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fetch.fd < 0) return failed(name, errno_error(errno, "writing", part));
  net::Download what;
  what.plain_to_loopback = !url.tls;
  what.target.host = url.host;
  what.target.port = url.port;
  what.target.timeout = options_.connect_timeout;
  what.path = url.target;
  what.limits = options_.limits;
  if (url.tls) {
    auto roots = options_.roots_pem.empty() ? system_roots() : Result<std::string>(options_.roots_pem);
    if (!roots) return failed(name, roots.error());
    what.target.tls.roots_pem = std::move(*roots);
    what.target.tls.alpn = "http/1.1";
  }
  what.headers.add("User-Agent", "postern-ems/" POSTERN_VERSION);
  what.headers.add("Accept", "*/*");
  // Only what is in force may be answered with "you have it".
  std::error_code ec;
  const bool there = feed.in_use() && std::filesystem::exists(feed_file(options_.directory, name), ec);
  fetch.conditional = there && !(feed.etag.empty() && feed.last_modified.empty());
  if (fetch.conditional) {
    if (!feed.etag.empty()) what.headers.add("If-None-Match", feed.etag);
    if (!feed.last_modified.empty()) what.headers.add("If-Modified-Since", feed.last_modified);
  }
  fetch.url = std::move(url);
  show(name);
  fetch.handle = net::download(
      loop_, std::move(what),
      [this, name, fd = fetch.fd, part](std::string_view piece) -> Status {
        if (const auto it = sources_.find(name); it != sources_.end() && it->second.fetch)
          it->second.fetch->bytes += piece.size();
        while (!piece.empty()) {
          const auto n = ::write(fd, piece.data(), piece.size());
          if (n < 0 && errno == EINTR) continue;
          if (n < 0) return fail(errno_error(errno, "writing", part));
          piece.remove_prefix(static_cast<std::size_t>(n));
        }
        return {};
      },
      // Never within the call that is running: the handle is let go of there.
      [this, name](Result<net::Downloaded> result) { answered(name, std::move(result)); });
}

void FeedService::answered(const std::string& name, Result<net::Downloaded> result) {
  const auto it = sources_.find(name);
  if (it == sources_.end() || !it->second.fetch) return;
  auto& fetch = *it->second.fetch;
  if (!result) return failed(name, result.error());
  const auto header = [&](std::string_view field) {
    const auto* value = result->headers.find(field);
    return value == nullptr || value->size() > 512 ? std::string() : *value;
  };
  if (is_redirect(result->status)) {
    if (++fetch.redirects > kMaxRedirects)
      return failed(name, {ErrorCode::kUnavailable, fetch.url.str() + ": sent on to other addresses too often"});
    auto next = follow_feed_url(fetch.url, header("Location"));
    if (!next) return failed(name, next.error().context(fetch.url.str()));
    return request(name, std::move(*next));
  }
  if (result->status == 304 && !fetch.conditional) {
    return failed(name, {ErrorCode::kUnavailable,
                         fmt::format("{}: the server answered that nothing has changed (status 304), although it was asked "
                                     "for the whole: a cache before it may be broken",
                                     fetch.url.str())});
  }
  if (result->status == 304) {
    it->second.fetch.reset();
    std::error_code ignored;
    std::filesystem::remove(feed_part_file(options_.directory, name), ignored);
    succeeded(known(name));
    return options_.after_event();
  }
  if (result->status != 200) {
    return failed(name, {ErrorCode::kUnavailable,
                         fmt::format("{}: the server answered with status {}", fetch.url.str(), result->status)});
  }
  fetch.etag = header("ETag");
  fetch.last_modified = header("Last-Modified");
  ::close(std::exchange(fetch.fd, -1));
  take(name, true);
  work();
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

void FeedService::work() {
  if (busy_ || (takes_.empty() && !load_)) return;
  busy_ = true;
  auto work = std::make_shared<Work>();
  work->directory = options_.directory;
  work->load = std::exchange(load_, false);
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
      feed.etag = take.feed.etag;
      feed.last_modified = take.feed.last_modified;
      source.failures = 0;
      log_info("feed.loaded", take.result->changed ? "a vulnerability feed is in use" : "a vulnerability feed is unchanged",
               {{"feed", feed.name}, {"kind", feed.kind}, {"records", std::to_string(feed.records)}});
    } else {
      if (!take.result) feed.error = take.result.error().message;
      if (!take.result && feed.in_use()) feed.error += "; what was read before stays in use";
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
