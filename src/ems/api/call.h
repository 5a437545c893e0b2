#pragma once
// One request on its way to its answer: what was checked about it, and how it is answered.
#include <boost/json.hpp>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "ems/api/principal.h"
#include "ems/api/router.h"
#include "net/http.h"

namespace postern::ems::api {

struct Services;

/// Query, body and path parameters have passed the route's description before a handler sees them. Thread: loop.
class Call {
 public:
  Call(std::shared_ptr<Services> services, net::HttpRequest request, net::HttpResponder respond,
       std::string request_id);
  ~Call();  ///< A call that nobody answered is answered 500, so that no client waits for ever.
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  Services& services;
  net::HttpRequest request;
  const std::string request_id;
  PathParams params;
  Principal who;
  boost::json::object body;                     ///< BodyKind::kFields.
  std::map<std::string, std::string> form;      ///< BodyKind::kForm.

  const std::string& param(std::string_view name) const;
  /// Empty when not given.
  std::string query(const std::string& name) const;
  std::optional<bool> query_bool(const std::string& name) const;
  std::uint64_t query_u64(const std::string& name, std::uint64_t otherwise) const;

  std::optional<std::string> text(std::string_view field) const;
  std::optional<std::int64_t> integer(std::string_view field) const;
  std::optional<bool> boolean(std::string_view field) const;
  std::optional<std::vector<std::string>> texts(std::string_view field) const;

  /// Each answers; a second answer is ignored.
  void reply(int status, const boost::json::value& body);
  void reply_empty(int status = 204);
  void reply(net::HttpResponse response);
  void fail(const Error& error);
  void fail(int status, const Error& error);
  bool answered() const { return respond_ == nullptr; }
  /// Outside /api/ errors are pages.
  bool is_page() const { return !request.path.starts_with("/api/"); }

  /// Added to the answer, whichever it is.
  void add_header(std::string name, std::string value) { extra_.add(std::move(name), std::move(value)); }

 private:
  std::shared_ptr<Services> keep_;  // a completion may come after the Api is gone
  net::HttpResponder respond_;
  net::HttpHeaders extra_;
};

/// HTTP status of an error of the core.
int http_status(ErrorCode code);

/// {"items":…,"next_cursor":…,"total":…}; an empty cursor is null: there is no further page.
boost::json::object list_reply(boost::json::array items, const std::string& next_cursor, std::uint64_t total);

/// Of a log, whose entries nobody counts: total is null.
boost::json::object log_reply(boost::json::array items, const std::string& next_cursor);

/// Opaque text of what a page ended with, and back. The seal binds it to the list it came from (path, filters, order),
/// so that a cursor put into another list is refused instead of giving a wrong page.
std::string make_cursor(const Call& call, std::string_view position);
/// The position, empty when no cursor was given. Error: kInvalidArgument.
Result<std::string> read_cursor(const Call& call);

}  // namespace postern::ems::api
