// /api/v1/feeds: where the vulnerability feeds come from, and what became of them.
#include "ems/api/fact_json.h"
#include "ems/api/handling.h"
#include "ems/api/input.h"
#include "ems/api/resources/resources.h"
#include "ems/api/services.h"

namespace postern::ems::api {
namespace {

namespace json = boost::json;

json::value text_unless_empty(const std::string& text) { return text.empty() ? json::value(nullptr) : json::value(text); }

/// Of the data, by what the feed says of its date; else since it was read.
json::value age_json(const Feed& f, WallTime now) {
  if (!f.in_use()) return nullptr;
  auto since = f.loaded_at;
  auto date = f.data_date;
  if (date.size() == 10) date += "T00:00:00Z";
  if (date.ends_with("+0000")) date.replace(date.size() - 5, 5, "Z");  // as EPSS writes it
  if (const auto said = parse_time(date)) since = *said;
  return std::max<std::int64_t>(0, std::chrono::duration_cast<Seconds>(now - since).count());
}

json::object feed_json(const Feed& f, WallTime now) {
  json::object out{{"name", f.name}, {"kind", text_unless_empty(f.kind)}, {"state", feed_state_name(f.state)}};
  out["fetched_bytes"] = f.state == FeedState::kFetching ? json::value(f.fetched) : json::value(nullptr);
  out["url"] = text_unless_empty(f.url);
  out["path"] = text_unless_empty(f.path);
  out["given"] = f.given;
  out["interval_s"] = f.given ? json::value(nullptr) : json::value(f.interval.count());
  out["in_use"] = f.in_use();
  out["records"] = f.records;
  out["advisories"] = f.advisories;
  out["marks"] = f.marks;
  out["not_affected"] = f.not_affected;
  out["undetermined"] = f.undetermined;
  out["withdrawn"] = f.withdrawn;
  out["foreign"] = f.foreign;
  out["cvss4"] = f.cvss4;
  out["left_out"] = f.left_out;
  out["left_out_example"] = text_unless_empty(f.left_out_example);
  out["bytes"] = f.bytes;
  out["data_date"] = text_unless_empty(f.data_date);
  out["age_s"] = age_json(f, now);
  out["loaded_at"] = time_json(f.loaded_at);
  out["checked_at"] = time_json(f.checked_at);
  out["next_check_at"] = time_json(f.next_check);
  out["error"] = text_unless_empty(f.error);
  out["failed_at"] = time_json(f.failed_at);
  return out;
}

Error no_feed(const std::string& name) { return {ErrorCode::kNotFound, "there is no feed " + name}; }

void list_feeds(const CallPtr& call) {
  reply_page(call, call->services.core.feeds(), [](const Feed* f) { return f->name; },
             [now = now_of(call).wall](const Feed* f) { return feed_json(*f, now); });
}

void show_feed(const CallPtr& call) {
  const Feed* feed = call->services.core.feed(call->param("name"));
  if (feed == nullptr) return call->fail(no_feed(call->param("name")));
  call->reply(200, feed_json(*feed, now_of(call).wall));
}

/// Sets what the call gives; a url takes the place of a path and the other way round.
void take_fields(const CallPtr& call, Feed& feed) {
  if (auto url = call->text("url")) {
    feed.url = std::move(*url);
    feed.path.clear();
  }
  if (auto path = call->text("path")) {
    if (!call->text("url")) feed.url.clear();
    feed.path = std::move(*path);
  }
  if (const auto interval = call->integer("interval_s")) feed.interval = Seconds(*interval);
}

void save(const CallPtr& call, Feed feed, bool create) {
  const auto name = feed.name;
  call->services.core.save_feed(now_of(call), actor_of(call), std::move(feed), create, [call, name, create](Status done) {
    if (!done) return call->fail(done.error());
    if (call->services.hooks.feeds_changed) call->services.hooks.feeds_changed();
    const Feed* after = call->services.core.feed(name);
    if (after == nullptr) return call->fail(no_feed(name));  // removed in the same moment
    call->reply(create ? 201 : 200, feed_json(*after, now_of(call).wall));
  });
}

void create_feed(const CallPtr& call) {
  Feed feed;
  feed.name = call->text("name").value_or("");
  take_fields(call, feed);
  save(call, std::move(feed), true);
}

void change_feed(const CallPtr& call) {
  const Feed* before = call->services.core.feed(call->param("name"));
  if (before == nullptr) return call->fail(no_feed(call->param("name")));
  Feed feed = *before;
  take_fields(call, feed);
  save(call, std::move(feed), false);
}

void remove_feed(const CallPtr& call) {
  call->services.core.remove_feed(now_of(call), actor_of(call), call->param("name"), [call](Status done) {
    if (!done) return call->fail(done.error());
    if (call->services.hooks.feeds_changed) call->services.hooks.feeds_changed();
    call->reply_empty();
  });
}

void refresh_feed(const CallPtr& call) {
  const auto name = call->param("name");
  if (call->services.core.feed(name) == nullptr) return call->fail(no_feed(name));
  call->services.core.note(now_of(call), actor_of(call), "feed.refresh", name, "");
  if (call->services.hooks.refresh_feed) call->services.hooks.refresh_feed(name);
  call->reply(202, feed_json(*call->services.core.feed(name), now_of(call).wall));
}

void refresh_all(const CallPtr& call) {
  call->services.core.note(now_of(call), actor_of(call), "feed.refresh", "", "all");
  if (call->services.hooks.refresh_feed) call->services.hooks.refresh_feed("");
  call->reply_empty();
}

std::vector<Field> described(bool create) {
  std::vector<Field> out;
  if (create)
    out.push_back({.name = "name", .description = "Letters, digits, dots, hyphens, underscores", .required = true, .min = 1, .max = 64});
  out.push_back({.name = "url",
                 .description = "https://…; http only to this machine. What it is (OSV, Debian's tracker, KEV, EPSS) is "
                                "told by what stands in it",
                 .min = 1,
                 .max = 2048});
  out.push_back({.name = "path", .description = "Or a file on the EMS's machine", .min = 1, .max = 4096});
  out.push_back({.name = "interval_s",
                 .type = FieldType::kInteger,
                 .description = "Seconds between two looks at the source; 21600 in a new feed",
                 .min = 300,
                 .max = 604800});
  return out;
}

}  // namespace

Resource feeds_resource() {
  return {
      .name = "feeds",
      .description = "Vulnerability feeds: OSV, Debian's security tracker, CISA's KEV and FIRST's EPSS, by URL or from files",
      .routes = {{.method = "GET",
                  .path = "/api/v1/feeds",
                  .role = Role::kReadonly,
                  .handler = list_feeds,
                  .summary = "All feeds by name, with what became of them",
                  .query = list_query({}),
                  .result = "Feed",
                  .list = true},
                 {.method = "POST",
                  .path = "/api/v1/feeds",
                  .handler = create_feed,
                  .summary = "Add a feed; it is fetched at once and again at each interval",
                  .body_kind = BodyKind::kFields,
                  .body = described(true),
                  .success = 201,
                  .result = "Feed"},
                 {.method = "POST",
                  .path = "/api/v1/feeds/refresh",
                  .handler = refresh_all,
                  .summary = "Look at the sources of all feeds now, also of those on the command line",
                  .success = 204},
                 {.method = "GET",
                  .path = "/api/v1/feeds/{name}",
                  .role = Role::kReadonly,
                  .handler = show_feed,
                  .summary = "One feed",
                  .result = "Feed"},
                 {.method = "PATCH",
                  .path = "/api/v1/feeds/{name}",
                  .handler = change_feed,
                  .summary = "Change where it comes from or how often; what was read of it stays in use until then",
                  .body_kind = BodyKind::kFields,
                  .body = described(false),
                  .result = "Feed"},
                 {.method = "DELETE",
                  .path = "/api/v1/feeds/{name}",
                  .handler = remove_feed,
                  .summary = "Remove a feed and what it said",
                  .success = 204},
                 {.method = "POST",
                  .path = "/api/v1/feeds/{name}/refresh",
                  .handler = refresh_feed,
                  .summary = "Look at its source now",
                  .success = 202,
                  .result = "Feed"}},
      .schemas = R"({"Feed": {"type": "object",
            "required": ["name", "kind", "state", "fetched_bytes", "url", "path", "given", "interval_s", "in_use", "records", "advisories",
              "marks", "not_affected", "undetermined", "withdrawn", "foreign", "cvss4", "left_out", "left_out_example",
              "bytes", "data_date", "age_s", "loaded_at", "checked_at", "next_check_at", "error", "failed_at"],
            "properties": {
              "name": {"type": "string", "description": "Of one on the command line: its file's whole path"},
              "kind": {"type": ["string", "null"], "enum": ["osv", "debian-tracker", "kev", "epss", null],
                "description": "Told by what stands in it; null: nothing was read yet"},
              "state": {"type": "string", "enum": ["idle", "fetching", "reading", "failed"]},
              "fetched_bytes": {"type": ["integer", "null"], "description": "That have come so far; null: it is not being fetched"},
              "url": {"type": ["string", "null"]},
              "path": {"type": ["string", "null"]},
              "given": {"type": "boolean", "description": "On the command line: changed there"},
              "interval_s": {"type": ["integer", "null"], "description": "null: only when asked to"},
              "in_use": {"type": "boolean", "description": "Something of it is in force, also when the last look failed"},
              "records": {"type": "integer"},
              "advisories": {"type": "integer", "description": "Rows of distribution, source package and vulnerability"},
              "marks": {"type": "integer", "description": "Vulnerabilities said to be exploited, or given a probability"},
              "not_affected": {"type": "integer", "description": "Rows that say a source is not affected"},
              "undetermined": {"type": "integer", "description": "Rows of which the distribution does not know yet"},
              "withdrawn": {"type": "integer"},
              "foreign": {"type": "integer", "description": "Rows of distributions that can't be judged here"},
              "cvss4": {"type": "integer", "description": "CVSS v4 vectors: no severity is taken from them"},
              "left_out": {"type": "integer", "description": "Records that can't be understood"},
              "left_out_example": {"type": ["string", "null"]},
              "bytes": {"type": "integer", "description": "Of its file, as packed"},
              "data_date": {"type": ["string", "null"], "description": "As the feed says"},
              "age_s": {"type": ["integer", "null"], "description": "Seconds since data_date, else since loaded_at"},
              "loaded_at": {"type": ["string", "null"], "format": "date-time", "description": "When what is in force was first read"},
              "checked_at": {"type": ["string", "null"], "format": "date-time", "description": "When the source was last found to be that"},
              "next_check_at": {"type": ["string", "null"], "format": "date-time"},
              "error": {"type": ["string", "null"], "description": "Why the last look failed; what was read before stays in use"},
              "failed_at": {"type": ["string", "null"], "format": "date-time"}}}})"};
}

}  // namespace postern::ems::api
