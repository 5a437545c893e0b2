#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <fmt/format.h>

#include "base/form.h"
#include "base/ip.h"
#include "base/text.h"
#include "net/detail/http_parser.h"

#include <algorithm>

namespace postern::net::detail {
namespace {

namespace http = boost::beast::http;
using boost::system::error_code;

tl::unexpected<Error> bad(std::string why) { return fail(ErrorCode::kInvalidArgument, std::move(why)); }

constexpr std::size_t kMaxTarget = 16384;

Status decode_target(std::string_view target, const std::vector<std::string>& repeatable, HttpRequest& request) {
  if (target.size() > kMaxTarget) {
    return fail(ErrorCode::kResourceExhausted,
                fmt::format("the request's target (path and query) is longer than the {} bytes taken here", kMaxTarget));
  }
  if (target.empty() || target[0] != '/') return bad("the request's target is not a path");
  const auto question = target.find('?');
  const auto raw_path = target.substr(0, question);
  if (raw_path.find("//") != raw_path.npos) return bad("the path is not in its canonical form");
  std::string path;
  std::vector<std::string> segments;
  if (raw_path.find('\\') != raw_path.npos) return bad("the path has a forbidden character");
  for (const auto raw : split(raw_path.substr(1), '/')) {
    auto segment = percent_decode(raw, false);
    if (!segment) return bad("the path has a broken % escape");
    if (*segment == "." || *segment == "..") return bad("the path is not in its canonical form");
    path += '/';
    for (const char c : *segment) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte < 0x20 || byte == 0x7f) return bad("the path has a forbidden character");
      // Some take a backslash for a slash.
      if (c == '/' || c == '\\') {
        path += c == '/' ? "%2F" : "%5C";
      } else {
        path += c;
      }
    }
    segments.push_back(std::move(*segment));
  }
  request.path = std::move(path);
  request.segments = std::move(segments);
  if (question == target.npos || question + 1 == target.size()) return {};
  for (const auto pair : split(target.substr(question + 1), '&')) {
    if (pair.empty()) continue;
    const auto equals = pair.find('=');
    auto name = percent_decode(pair.substr(0, equals), true);
    auto value = percent_decode(equals == pair.npos ? std::string_view() : pair.substr(equals + 1), true);
    if (!name || !value) return bad("the query has a broken % escape");
    if (request.query.size() + request.repeated.size() >= 100) return bad("the query has too many parameters");
    if (request.query.emplace(*name, *value).second) continue;
    if (std::find(repeatable.begin(), repeatable.end(), *name) == repeatable.end()) {
      return bad("the query names " + *name + " twice");
    }
    request.repeated.emplace_back(std::move(*name), std::move(*value));
  }
  return {};
}

/// Beast's parser fails an assertion when an empty chunked body comes in pieces: it takes the last chunk again with fewer
/// than these bytes. No message can end with less of it still to come, so nothing is delayed by waiting for them.
constexpr std::size_t kLastChunk = 5;  // "0\r\n\r\n"

template <class Parser>
bool wait_for_more(const Parser& parser, std::string_view data) {
  return parser.is_header_done() && parser.chunked() && data.size() < kLastChunk;
}

/// Takes from `data` what the parser can use by now. Returns what is wrong with it.
template <class Parser>
error_code feed_to(Parser& parser, std::string& data) {
  while (!data.empty() && !parser.is_done()) {
    if (wait_for_more(parser, data)) return {};
    error_code ec;
    const auto used = parser.put(boost::asio::buffer(data), ec);
    data.erase(0, used);
    if (ec == http::error::need_more) return {};
    if (ec) return ec;
    if (used == 0) return {};
  }
  return {};
}

}  // namespace

struct RequestParser::Impl {
  http::request_parser<http::string_body> parser;
  std::vector<std::string> repeatable;
};

RequestParser::RequestParser(std::size_t max_header, std::size_t max_body, std::vector<std::string> repeatable)
    : impl_(std::make_unique<Impl>()) {
  impl_->repeatable = std::move(repeatable);
  impl_->parser.header_limit(static_cast<std::uint32_t>(max_header));
  impl_->parser.body_limit(max_body);
  impl_->parser.eager(true);
}
RequestParser::~RequestParser() = default;

Status RequestParser::feed(std::string& data) {
  const auto ec = feed_to(impl_->parser, data);
  if (ec == http::error::header_limit || ec == http::error::body_limit || ec == http::error::buffer_overflow) {
    return fail(ErrorCode::kResourceExhausted, "the request is too large");
  }
  if (ec) return bad("not a valid HTTP/1.1 request: " + ec.message());
  return {};
}

bool RequestParser::done() const { return impl_->parser.is_done(); }
bool RequestParser::header_done() const { return impl_->parser.is_header_done(); }
bool RequestParser::keep_alive() const { return impl_->parser.keep_alive(); }
bool RequestParser::upgrade() const { return impl_->parser.upgrade(); }
bool RequestParser::expects_continue() const {
  const auto& message = impl_->parser.get();
  return to_lower({message[http::field::expect].data(), message[http::field::expect].size()}) == "100-continue";
}

Result<HttpRequest> RequestParser::take() {
  auto& message = impl_->parser.get();
  HttpRequest request;
  if (message.version() != 11 && message.version() != 10) return bad("only HTTP/1.1 is spoken here");
  request.method = std::string(message.method_string());
  if (auto good = decode_target({message.target().data(), message.target().size()}, impl_->repeatable, request); !good) {
    return fail(good.error());
  }
  for (const auto& field : message.base()) {
    const std::string value(field.value());
    if (value.find_first_of(std::string_view("\r\n\0", 3)) != value.npos) return bad("a header has a forbidden character");
    request.headers.add(std::string(field.name_string()), value);
  }
  if (request.headers.count("Host") != 1 && message.version() == 11) return bad("exactly one Host header is needed");
  if (request.headers.count("Content-Length") > 1 ||
      (request.headers.count("Content-Length") > 0 && request.headers.count("Transfer-Encoding") > 0)) {
    return bad("the length of the body is ambiguous");
  }
  for (const char* single : {"Authorization", "Cookie", "Origin", "Content-Type", "X-CSRF-Token"}) {
    if (request.headers.count(single) > 1) return bad(fmt::format("the header {} is there twice", single));
  }
  request.body = std::move(message.body());
  return request;
}

struct ResponseParser::Impl {
  http::response_parser<http::string_body> parser;
};
ResponseParser::ResponseParser(std::size_t max_body) : impl_(std::make_unique<Impl>()) {
  impl_->parser.header_limit(64 << 10);
  impl_->parser.body_limit(max_body);
  impl_->parser.eager(true);
}
ResponseParser::~ResponseParser() = default;

Status ResponseParser::feed(std::string& data) {
  if (const auto ec = feed_to(impl_->parser, data)) {
    return fail(ErrorCode::kDataLoss, "not a valid HTTP/1.1 answer: " + ec.message());
  }
  return {};
}
Status ResponseParser::finish() {
  if (!impl_->parser.got_some()) return fail(ErrorCode::kDataLoss, "the connection ended without an answer");
  error_code ec;
  impl_->parser.put_eof(ec);
  if (ec || !impl_->parser.is_done()) return fail(ErrorCode::kDataLoss, "the answer was cut short");
  return {};
}
void ResponseParser::head_only() { impl_->parser.skip(true); }
bool ResponseParser::done() const { return impl_->parser.is_done(); }
bool ResponseParser::header_done() const { return impl_->parser.is_header_done(); }
int ResponseParser::status() const { return static_cast<int>(impl_->parser.get().result_int()); }
HttpResponse ResponseParser::take() {
  auto& message = impl_->parser.get();
  HttpResponse response;
  response.status = static_cast<int>(message.result_int());
  for (const auto& field : message.base())
    response.headers.add(std::string(field.name_string()), std::string(field.value()));
  response.body = std::move(message.body());
  return response;
}

std::string status_line(int status) {
  const auto reason = http::obsolete_reason(static_cast<http::status>(status));
  return fmt::format("HTTP/1.1 {} {}\r\n", status, std::string_view(reason.data(), reason.size()));
}

std::string serialize(const HttpResponse& response, bool keep_alive, bool head_request) {
  std::string out = status_line(response.status);
  for (const auto& [name, value] : response.headers.all()) {
    // A handler's value must not be able to start a header of its own.
    if (value.find_first_of("\r\n") != value.npos || name.find_first_of("\r\n: ") != name.npos) continue;
    out += fmt::format("{}: {}\r\n", name, value);
  }
  if (response.status >= 200 && response.status != 204 && response.status != 304) {
    out += fmt::format("Content-Length: {}\r\n", response.body.size());
  }
  out += keep_alive ? "\r\n" : "Connection: close\r\n\r\n";
  if (!head_request && response.status != 204 && response.status != 304) out += response.body;
  return out;
}

}  // namespace postern::net::detail
