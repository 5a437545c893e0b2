// /api/v1/changes: everything that changed, numbered; and waiting for the next.
#include "base/text.h"
#include "ems/api/fact_json.h"
#include "ems/api/handling.h"
#include "ems/api/resources/resources.h"
#include "ems/api/services.h"

namespace postern::ems::api {
namespace {

namespace json = boost::json;

constexpr std::int64_t kMaxWaitSeconds = 60;

json::object change_json(const Change& c) {
  json::object out{{"revision", c.revision}, {"at", time_json(c.at)}, {"kind", c.kind}, {"key", c.key}};
  json::error_code error;
  json::value detail = json::parse(c.json, error);
  out["change"] = error ? json::value(nullptr) : std::move(detail);
  return out;
}

/// A long poll. Owned by what the core will call; destroyed unanswered, the EMS is going away.
struct Waiting {
  explicit Waiting(CallPtr c) : call(std::move(c)) { ++call->services.waiting; }
  ~Waiting() {
    --call->services.waiting;
    if (!call->answered()) call->fail({ErrorCode::kUnavailable, "the EMS is shutting down; ask again in a moment"});
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

  CallPtr call;
  Revision after = 0;
  std::uint64_t number = 0;  // of the core's wait
  net::Handle timer;
};

/// Answers with what there is after a revision. False, without an answer: nothing, and `or_nothing` is not set.
bool answer(const CallPtr& call, Revision after, bool or_nothing) {
  const auto limit = static_cast<std::size_t>(call->query_u64("limit", kDefaultLimit));
  const EmsCore& core = call->services.core;
  auto changes = core.changes(after, limit + 1, call->query("key"));
  if (!changes) {
    call->fail(changes.error());
    return true;
  }
  if (changes->empty() && !or_nothing) return false;
  const bool more = changes->size() > limit;
  if (more) changes->resize(limit);
  // Where nothing is left, everything up to now was seen, also what `key` left out.
  const Revision next = more ? changes->back().revision : std::max(after, core.revision());
  json::array items;
  for (const Change& c : *changes) items.push_back(change_json(c));
  json::object reply = list_reply(std::move(items), more ? make_cursor(*call, std::to_string(next)) : "", 0);
  reply["total"] = nullptr;
  reply["next_after"] = next;
  reply["revision"] = core.revision();
  call->reply(200, reply);
  return true;
}

void wait(const std::shared_ptr<Waiting>& waiting) {
  EmsCore& core = waiting->call->services.core;
  waiting->number = core.wait_for_change(waiting->after, [waiting] {
    if (waiting->call->answered()) return;
    const Revision seen = waiting->call->services.core.revision();
    if (answer(waiting->call, waiting->after, false)) {
      waiting->timer.cancel();
      return;
    }
    waiting->after = seen;  // only of other keys
    wait(waiting);
  });
}

void list_changes(const CallPtr& call) {
  const auto cursor = read_cursor(*call);
  if (!cursor) return call->fail(cursor.error());
  const Revision after = parse_u64(*cursor).value_or(call->query_u64("after", 0));
  EmsCore& core = call->services.core;
  if (after > core.revision()) {
    return call->fail({ErrorCode::kNotFound,
                       "this EMS's newest revision is " + std::to_string(core.revision()) +
                           "; was it set back to an earlier state? Read everything and go on from there"});
  }
  const Seconds patience(call->query_u64("wait", 0));
  if (answer(call, after, patience == Seconds(0))) return;
  if (call->services.waiting >= kMaxWaiting) {
    call->add_header("Retry-After", "5");
    return call->fail(429, {ErrorCode::kResourceExhausted, "too many are waiting already; ask again without wait"});
  }
  auto waiting = std::make_shared<Waiting>(call);
  waiting->after = std::max(after, core.revision());
  waiting->timer = call->services.hooks.after(patience, [weak = std::weak_ptr(waiting)] {
    const auto waiting = weak.lock();
    if (!waiting || waiting->call->answered()) return;
    answer(waiting->call, waiting->after, true);
    waiting->call->services.core.forget_wait(waiting->number);
  });
  wait(waiting);
}

}  // namespace

Resource changes_resource() {
  return {
      .name = "changes",
      .description = "The change log: every change has a number, and none is missing between two of them",
      .routes = {{.method = "GET",
                  .path = "/api/v1/changes",
                  .role = Role::kReadonly,
                  .handler = list_changes,
                  .summary = "Changes after a revision, ascending; with wait it answers when there is one",
                  .query = list_query({}, {{.name = "after",
                                            .type = FieldType::kInteger,
                                            .description = "next_after of the answer before; 0 when not given",
                                            .min = 0,
                                            .max = INT64_MAX},
                                           {.name = "wait",
                                            .type = FieldType::kInteger,
                                            .description = "Seconds to wait for a change when there is none",
                                            .min = 0,
                                            .max = kMaxWaitSeconds},
                                           {.name = "key", .description = "Only of this UID, tag, serial number, …"}}),
                  .result = "ChangePage"}},
      .schemas = R"({
        "Change": {"type": "object", "required": ["revision", "at", "kind", "key", "change"], "properties": {
          "revision": {"type": "integer"},
          "at": {"type": "string", "format": "date-time"},
          "kind": {"type": "string", "description": "endpoint, facts, endpoint_tags, tag, fabric_device, profile, …"},
          "key": {"type": "string", "description": "UID, tag name, serial number, …"},
          "change": {"type": ["object", "null"], "description": "What became of it"}}},
        "ChangePage": {"type": "object", "required": ["items", "next_cursor", "total", "next_after", "revision"],
          "properties": {
            "items": {"type": "array", "items": {"$ref": "#/components/schemas/Change"}},
            "next_cursor": {"type": ["string", "null"], "description": "There are more already"},
            "total": {"type": "null", "description": "Not counted"},
            "next_after": {"type": "integer", "description": "What to ask for next"},
            "revision": {"type": "integer", "description": "Of the newest change of all"}}}})"};
}

}  // namespace postern::ems::api
