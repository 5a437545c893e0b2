#pragma once
// HTTP/1.1 messages from bytes, strictly: what two readers could understand differently is refused. No sockets.
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "net/http.h"

namespace postern::net::detail {

/// Parses one request, fed piece by piece. Thread: one.
class RequestParser {
 public:
  /// `repeatable`: names that the query may hold several times.
  RequestParser(std::size_t max_header, std::size_t max_body, std::vector<std::string> repeatable = {});
  ~RequestParser();
  /// Takes bytes from the front of `data`, removes what it used. Errors: kInvalidArgument (400), kResourceExhausted
  /// (413 or 431).
  Status feed(std::string& data);
  bool done() const;
  bool header_done() const;
  bool expects_continue() const;
  bool keep_alive() const;
  bool upgrade() const;         ///< Asks for a WebSocket (RFC 6455).
  /// The request, checked and decoded. Errors: kInvalidArgument (400), kResourceExhausted (its target is
  /// too long: 414). Call once, when done.
  Result<HttpRequest> take();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Parses one response.
class ResponseParser {
 public:
  explicit ResponseParser(std::size_t max_body);
  ~ResponseParser();
  Status feed(std::string& data);
  Status finish();              ///< The connection ended.
  void head_only();             ///< A 101 answer: nothing after the head is its body.
  bool done() const;
  bool header_done() const;
  int status() const;
  HttpResponse take();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

std::string status_line(int status);
/// Head and body of an answer.
std::string serialize(const HttpResponse& response, bool keep_alive, bool head_request);

}  // namespace postern::net::detail
