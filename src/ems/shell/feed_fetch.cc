#include "ems/shell/feed_fetch.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <utility>
#include <vector>

#include "base/file.h"
#include "ems/feeds/pieces.h"
#include "ems/feeds/store.h"
#include "vuln/feed_kind.h"

namespace postern::ems {
namespace {

constexpr int kMaxRedirects = 5;
constexpr std::size_t kMaxRoots = 16u << 20;

/// Certificates that this machine trusts.
Result<std::string> system_roots() {
  std::vector<std::string> places;
  if (const char* chosen = ::secure_getenv("SSL_CERT_FILE"); chosen != nullptr) places.emplace_back(chosen);
  places.insert(places.end(), {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"});
  for (const auto& place : places) {
    if (auto text = read_file(place, kMaxRoots)) return std::move(*text);
  }
  return fail(ErrorCode::kNotFound, "this machine trusts no certificate authority; install its ca-certificates package");
}

bool is_redirect(int status) { return status == 301 || status == 302 || status == 303 || status == 307 || status == 308; }

}  // namespace

Status FeedService::Fetch::came(std::string_view piece) {
  bytes += piece.size();
  if (looked_at) return {};
  beginning.append(piece.substr(0, vuln::kFeedBeginning - beginning.size()));
  if (beginning.size() < vuln::kFeedBeginning) return {};
  looked_at = true;
  if (const auto may = vuln::may_be_feed(std::exchange(beginning, {})); !may) return fail(may.error().context(url.str()));
  return {};
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
  fetch.since = now().mono;
  fetch.beginning.clear();
  fetch.looked_at = false;
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
        if (const auto it = sources_.find(name); it != sources_.end() && it->second.fetch) {
          if (auto may = it->second.fetch->came(piece); !may) return may;
        }
        return write_whole(fd, piece, part);
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
  if (!result->end_told) {
    return failed(name, {ErrorCode::kUnavailable,
                         fmt::format("{}: the server doesn't say how long its answer is (no Content-Length), so that nobody can tell "
                                     "whether it is whole",
                                     fetch.url.str())});
  }
  fetch.etag = header("ETag");
  fetch.last_modified = header("Last-Modified");
  ::close(std::exchange(fetch.fd, -1));
  take(name, true);
  work();
}

}  // namespace postern::ems
