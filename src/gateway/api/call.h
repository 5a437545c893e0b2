#pragma once
// One request on its way to its answer, and the envelope that every answer stands in.
#include <boost/json/fwd.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "gateway/api/principal.h"
#include "gateway/api/services.h"
#include "net/http.h"

namespace postern::gateway::api {

/// Numbers that clients of such gateways know, beside the text.
enum class ErrorNumber { kNone = 0, kNotFound = -3, kDuplicate = -5, kInUse = -23, kBadValue = -651 };

/// Thread: loop.
class Call {
 public:
  Call(std::shared_ptr<Services> services, net::HttpRequest request, net::HttpResponder respond);
  ~Call();  ///< A call that nobody answered is answered 500, so that no client waits for ever.
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  Services& services;
  net::HttpRequest request;
  Principal who;
  // What the envelope names; `mkey` only when it is there.
  std::string path, name;
  std::optional<std::string> mkey;
  /// Narrows results to what the query asks for, and says in the envelope what it left out. Empty: nothing is asked for.
  std::function<void(boost::json::value& results, boost::json::object& envelope)> shape;

  /// The query parameter, nullptr when it is not there.
  const std::string* query(const std::string& name) const;
  std::vector<std::string> more_filters() const;  ///< Those beside the query's first.

  /// {"http_method", …fields…, "vdom", "path", "name", ["mkey"], "status", "http_status", "serial", "version",
  /// "build"}; a list of one of these with ?vdom=* or ?global=1.
  void reply(int status, boost::json::object fields);
  void reply_results(boost::json::value results);  ///< 200.
  /// The same with "error" and "cli_error": the number, and the sentence that tells a person what to do.
  void fail(int status, ErrorNumber number, std::string_view cli_error);
  void fail(int status, ErrorNumber number, std::string_view cli_error, boost::json::object fields);
  /// An error of the gateway's parts, outside the configuration: see http_status.
  void fail(const Error& error);
  /// Without an envelope. Each of these answers; a second answer is ignored.
  void reply_raw(net::HttpResponse response);
  bool answered() const { return respond_ == nullptr; }

  /// Added to the answer, whichever it is.
  void add_header(std::string name, std::string value) { extra_.add(std::move(name), std::move(value)); }

 private:
  std::shared_ptr<Services> keep_;  // an answer may come after the Api is gone
  net::HttpResponder respond_;
  net::HttpHeaders extra_;
};
using CallPtr = std::shared_ptr<Call>;

/// HTTP status of an error outside the configuration.
int http_status(ErrorCode code);

}  // namespace postern::gateway::api
