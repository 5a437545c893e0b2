#pragma once
// Asking the EMS: one request, one answer, and errors that a person can do something about.
#include <boost/json/fwd.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "cli/connection.h"
#include "net/http.h"
#include "net/loop.h"

namespace postern::cli {

class Terminal;

using Query = std::map<std::string, std::string>;

/// A connection of its own for each request, made when it is asked. Thread: one.
class Api {
 public:
  Api(Connection connection, Terminal& terminal);

  /// The answer's JSON; null where it has none. Errors: what the EMS said, with its code; kUnavailable and others of
  /// net::http_request where it could not be asked.
  Result<boost::json::value> get(const std::string& path, const Query& query = {});
  Result<boost::json::value> post(const std::string& path, const boost::json::value& body, const Query& query = {});
  Result<boost::json::value> put(const std::string& path, const boost::json::value& body);
  Result<boost::json::value> patch(const std::string& path, const boost::json::value& body);
  Status remove(const std::string& path);

  /// A list's answer with all its pages in one, at most `limit` items (0: all).
  Result<boost::json::value> list(const std::string& path, Query query, std::size_t limit);

  /// How long an answer may take; 60 s unless set.
  void set_patience(std::chrono::milliseconds patience) { patience_ = patience; }
  const Connection& connection() const { return connection_; }

  /// The same for requests that carry no token (signing in).
  Result<net::HttpResponse> exchange(net::HttpRequest request);
  /// Reads an answer: its JSON, or the error it tells of.
  Result<boost::json::value> read(const net::HttpResponse& response) const;

 private:
  Result<boost::json::value> send(std::string method, const std::string& path, const boost::json::value* body,
                                  const Query& query);

  Connection connection_;
  Terminal& terminal_;
  net::Loop loop_;
  std::chrono::milliseconds patience_{60'000};
};

/// One segment of a path, from what a person typed. Error: kNotFound, "there is no <what> …", for what can't be one.
Result<std::string> segment(std::string_view what, std::string_view text);

/// What the server at `address` shows: SHA-256 of its certificate.
Result<Sha256> shown_fingerprint(const Address& address, Terminal& terminal);

}  // namespace postern::cli
