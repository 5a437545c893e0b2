#pragma once
// HTTP/1.1 messages as plain structs.
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/tls.h"

namespace postern::net {

/// Header names compare without regard to case; order is kept.
class HttpHeaders {
 public:
  void add(std::string name, std::string value) { fields_.emplace_back(std::move(name), std::move(value)); }
  void set(std::string_view name, std::string value);
  /// The first value, or nullptr.
  const std::string* find(std::string_view name) const;
  std::size_t count(std::string_view name) const;
  const std::vector<std::pair<std::string, std::string>>& all() const { return fields_; }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

struct HttpRequest {
  std::string method;
  /// Percent-decoded once, but for "%2F" and "%5C", which stay so: they are no borders between segments. Always begins
  /// with '/', no dot segments.
  std::string path;
  std::vector<std::string> segments;          ///< What stands between the path's slashes, decoded whole.
  std::map<std::string, std::string> query;   ///< Percent-decoded; a repeated name is refused with 400 by the server.
  /// What came under a name that is in `query` already, where the listener takes it (ServerLimits::repeatable); in order.
  std::vector<std::pair<std::string, std::string>> repeated;
  HttpHeaders headers;
  std::string body;
  PeerIdentity peer;
};

struct HttpResponse {
  int status = 200;
  HttpHeaders headers;
  std::string body;
};

/// Answers one request; may be called later, from the loop's thread, at most once. Dropping it answers 500.
using HttpResponder = std::function<void(HttpResponse)>;
using HttpHandler = std::function<void(HttpRequest, HttpResponder)>;

}  // namespace postern::net
