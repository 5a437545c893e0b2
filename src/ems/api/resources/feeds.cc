// /api/v1/feeds: the vulnerability feeds in use.
#include "ems/api/fact_json.h"
#include "ems/api/handling.h"
#include "ems/api/resources/resources.h"
#include "ems/api/services.h"

namespace postern::ems::api {
namespace {

namespace json = boost::json;

json::object feed_json(const Feed& f) {
  json::object out{{"name", f.name}, {"kind", f.kind}, {"records", f.records}, {"in_use", f.error.empty()}};
  out["data_date"] = f.data_date.empty() ? json::value(nullptr) : json::value(f.data_date);
  out["loaded_at"] = time_json(f.loaded_at);
  out["error"] = f.error.empty() ? json::value(nullptr) : json::value(f.error);
  return out;
}

void list_feeds(const CallPtr& call) {
  auto feeds = call->services.core.feeds();
  std::ranges::sort(feeds, {}, &Feed::name);
  reply_page(call, feeds, [](const Feed& f) { return f.name; }, feed_json);
}

}  // namespace

Resource feeds_resource() {
  return {.name = "feeds",
          .description = "Vulnerability feeds, as postern-ems run --feed names them",
          .routes = {{.method = "GET",
                      .path = "/api/v1/feeds",
                      .role = Role::kReadonly,
                      .handler = list_feeds,
                      .summary = "All feeds by name, also those that could not be read",
                      .query = list_query({}),
                      .result = "Feed",
                      .list = true}},
          .schemas = R"({"Feed": {"type": "object",
            "required": ["name", "kind", "records", "in_use", "data_date", "loaded_at", "error"], "properties": {
              "name": {"type": "string", "description": "The whole path of its file"}, "kind": {"type": "string"},
              "records": {"type": "integer"},
              "in_use": {"type": "boolean"},
              "data_date": {"type": ["string", "null"], "description": "As the feed says"},
              "loaded_at": {"type": ["string", "null"], "format": "date-time"},
              "error": {"type": ["string", "null"], "description": "Why it could not be read"}}}})"};
}

}  // namespace postern::ems::api
