#include "gateway/api/call.h"

#include <boost/json.hpp>

#include "base/text.h"

namespace postern::gateway::api {
namespace {

namespace json = boost::json;

/// Clients read "vX.Y.Z" and a number that grows.
std::int64_t build_number() {
  std::int64_t number = 0;
  for (const auto part : split(POSTERN_VERSION, '.')) {
    number = number * 100 + static_cast<std::int64_t>(parse_u64(part).value_or(0));
  }
  return number;
}

ErrorNumber error_number(ErrorCode code) {
  switch (code) {
    case ErrorCode::kNotFound:
      return ErrorNumber::kNotFound;
    case ErrorCode::kAlreadyExists:
      return ErrorNumber::kDuplicate;
    case ErrorCode::kInvalidArgument:
      return ErrorNumber::kBadValue;
    default:
      return ErrorNumber::kNone;
  }
}

}  // namespace

int http_status(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return 400;
    case ErrorCode::kNotFound:
      return 404;
    // What this gateway depends on does not play along: the state of a connector, another machine. 401 and 403 would
    // say that it is the client's own token.
    case ErrorCode::kUnauthenticated:
    case ErrorCode::kPermissionDenied:
    case ErrorCode::kAlreadyExists:
    case ErrorCode::kConflict:
    case ErrorCode::kUnavailable:
    case ErrorCode::kUnsupported:
    case ErrorCode::kDeadlineExceeded:
      return 424;
    case ErrorCode::kResourceExhausted:
    case ErrorCode::kDataLoss:
    case ErrorCode::kInternal:
      return 500;
  }
  return 500;
}

Call::Call(std::shared_ptr<Services> s, net::HttpRequest r, net::HttpResponder respond)
    : services(*s), request(std::move(r)), keep_(std::move(s)), respond_(std::move(respond)) {}

Call::~Call() {
  if (!answered()) fail(500, ErrorNumber::kNone, "the request was not answered");
}

std::vector<std::string> Call::more_filters() const {
  std::vector<std::string> out;
  for (const auto& [name, value] : request.repeated) {
    if (name == "filter") out.push_back(value);
  }
  return out;
}

const std::string* Call::query(const std::string& wanted) const {
  const auto it = request.query.find(wanted);
  return it == request.query.end() ? nullptr : &it->second;
}

void Call::reply(int status, json::object fields) {
  if (answered()) return;
  json::object body;
  body["http_method"] = request.method;
  for (auto& [key, value] : fields) body[key] = std::move(value);
  body["vdom"] = "root";
  body["path"] = path;
  body["name"] = name;
  if (mkey) body["mkey"] = *mkey;
  body["status"] = status < 400 ? "success" : "error";
  body["http_status"] = status;
  body["serial"] = services.serial.str();
  body["version"] = "v" POSTERN_VERSION;
  body["build"] = build_number();
  // An answer of several virtual domains is a list of theirs; there is one.
  const std::string* vdom = query("vdom");
  const std::string* global = query("global");
  const bool list = (vdom != nullptr && *vdom == "*") || (global != nullptr && *global != "0" && *global != "false");
  net::HttpResponse response;
  response.status = status;
  response.headers.add("Content-Type", "application/json");
  response.body = list ? json::serialize(json::array{std::move(body)}) : json::serialize(body);
  reply_raw(std::move(response));
}

void Call::reply_results(json::value results) {
  json::object fields;
  if (shape) shape(results, fields);
  fields["results"] = std::move(results);
  reply(200, std::move(fields));
}

void Call::fail(int status, ErrorNumber number, std::string_view cli_error, json::object fields) {
  if (number != ErrorNumber::kNone) fields["error"] = static_cast<int>(number);
  fields["cli_error"] = cli_error;
  reply(status, std::move(fields));
}
void Call::fail(int status, ErrorNumber number, std::string_view cli_error) { fail(status, number, cli_error, {}); }
void Call::fail(const Error& error) { fail(http_status(error.code), error_number(error.code), error.message); }

void Call::reply_raw(net::HttpResponse response) {
  if (answered()) return;
  for (const auto& [header, value] : extra_.all()) response.headers.add(header, value);
  std::exchange(respond_, nullptr)(std::move(response));
}

}  // namespace postern::gateway::api
