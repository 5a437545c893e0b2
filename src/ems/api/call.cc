#include "ems/api/call.h"

#include "base/log.h"
#include "base/sha256.h"
#include "base/text.h"
#include "ems/api/pages/html.h"
#include "ems/api/services.h"

namespace postern::ems::api {
namespace {

namespace json = boost::json;

/// What a cursor is valid for: everything that decides which items come in which order.
std::string cursor_seal(const Call& call) {
  std::string of = call.request.path;
  for (const auto& [name, value] : call.request.query) {
    if (name == "cursor" || name == "limit") continue;
    of += '\n' + name + '=' + value;
  }
  const Sha256 digest = sha256(of);
  return std::string(as_text(ByteView(digest).first(8)));
}

}  // namespace

Call::Call(std::shared_ptr<Services> s, net::HttpRequest r, net::HttpResponder respond, std::string id)
    : services(*s),
      request(std::move(r)),
      request_id(std::move(id)),
      keep_(std::move(s)),
      respond_(std::move(respond)) {}

Call::~Call() {
  if (respond_ == nullptr) return;
  log_error("api.unanswered", "a request was dropped without an answer",
            {{"request_id", request_id}, {"method", request.method}, {"path", request.path}});
  fail({ErrorCode::kInternal, "the request was dropped without an answer; see the log under this request id"});
}

const std::string& Call::param(std::string_view name) const {
  static const std::string none;
  auto it = params.find(name);
  return it == params.end() ? none : it->second;
}

std::string Call::query(const std::string& name) const {
  auto it = request.query.find(name);
  return it == request.query.end() ? std::string() : it->second;
}

std::optional<bool> Call::query_bool(const std::string& name) const {
  const std::string text = query(name);
  if (text.empty()) return std::nullopt;
  return text == "true";
}

std::uint64_t Call::query_u64(const std::string& name, std::uint64_t otherwise) const {
  return parse_u64(query(name)).value_or(otherwise);
}

std::optional<std::string> Call::text(std::string_view field) const {
  const json::value* value = body.if_contains(field);
  if (value == nullptr || !value->is_string()) return std::nullopt;
  return std::string(value->get_string());
}

std::optional<std::int64_t> Call::integer(std::string_view field) const {
  const json::value* value = body.if_contains(field);
  if (value == nullptr || !value->is_int64()) return std::nullopt;
  return value->get_int64();
}

std::optional<bool> Call::boolean(std::string_view field) const {
  const json::value* value = body.if_contains(field);
  if (value == nullptr || !value->is_bool()) return std::nullopt;
  return value->get_bool();
}

std::optional<std::vector<std::string>> Call::texts(std::string_view field) const {
  const json::value* value = body.if_contains(field);
  if (value == nullptr || !value->is_array()) return std::nullopt;
  std::vector<std::string> out;
  for (const json::value& item : value->get_array()) out.emplace_back(item.get_string());
  return out;
}

void Call::reply(net::HttpResponse response) {
  if (respond_ == nullptr) return;
  for (const auto& [name, value] : extra_.all()) response.headers.add(name, value);
  response.headers.set("X-Request-Id", request_id);
  // A reply may be the last use of what the responder captured: it is taken out before it is called.
  net::HttpResponder respond = std::move(respond_);
  respond_ = nullptr;
  respond(std::move(response));
}

void Call::reply(int status, const json::value& content) {
  net::HttpResponse response;
  response.status = status;
  response.headers.add("Content-Type", "application/json");
  response.body = json::serialize(content);
  reply(std::move(response));
}

void Call::reply_empty(int status) {
  net::HttpResponse response;
  response.status = status;
  reply(std::move(response));
}

void Call::fail(const Error& error) { fail(http_status(error.code), error); }

void Call::fail(int status, const Error& error) {
  if (is_page()) {
    const std::string title = status == 404 ? "Not found" : "That did not work";
    return reply(html_page(status, title,
                           "<h1>" + title + "</h1>" + notice("bad", error.message) +
                               "<p class=\"third\">Request <code>" + html_escape(request_id) +
                               "</code></p><p><a href=\"/\">To the start page</a></p>"));
  }
  reply(status, json::object{{"error",
                              json::object{{"code", std::string(error_code_name(error.code))},
                                           {"message", error.message},
                                           {"request_id", request_id}}}});
}

int http_status(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument: return 400;
    case ErrorCode::kNotFound: return 404;
    case ErrorCode::kAlreadyExists: return 409;
    case ErrorCode::kConflict: return 409;
    case ErrorCode::kUnauthenticated: return 401;
    case ErrorCode::kPermissionDenied: return 403;
    case ErrorCode::kResourceExhausted: return 507;  // of the core: disk or quota; rates are answered 429 by the API
    case ErrorCode::kUnavailable: return 503;
    case ErrorCode::kDeadlineExceeded: return 504;
    case ErrorCode::kDataLoss: return 500;
    case ErrorCode::kUnsupported: return 501;
    case ErrorCode::kInternal: return 500;
  }
  return 500;
}

json::object list_reply(json::array items, const std::string& next_cursor, std::uint64_t total) {
  json::object reply;
  reply["items"] = std::move(items);
  reply["next_cursor"] = next_cursor.empty() ? json::value(nullptr) : json::value(next_cursor);
  reply["total"] = total;
  return reply;
}

json::object log_reply(json::array items, const std::string& next_cursor) {
  json::object reply = list_reply(std::move(items), next_cursor, 0);
  reply["total"] = nullptr;
  return reply;
}

std::string make_cursor(const Call& call, std::string_view position) {
  const std::string sealed = cursor_seal(call) + std::string(position);
  return to_base64url(as_bytes(sealed));
}

Result<std::string> read_cursor(const Call& call) {
  const std::string text = call.query("cursor");
  if (text.empty()) return std::string();
  const auto bytes = from_base64(text);
  const std::string seal = cursor_seal(call);
  // Only the one spelling that make_cursor writes.
  if (!bytes || to_base64url(*bytes) != text || bytes->size() <= seal.size() ||
      as_text(*bytes).substr(0, seal.size()) != seal) {
    return postern::fail(ErrorCode::kInvalidArgument,
                         "cursor: is not one that this list gave; begin again without a cursor");
  }
  return std::string(as_text(*bytes).substr(seal.size()));
}

}  // namespace postern::ems::api
