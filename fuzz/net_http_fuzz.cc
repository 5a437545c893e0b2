// HTTP from anybody: whole or byte by byte, a request reads as the same; what is taken has a canonical path. The same
// bytes as an answer of a server.
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>

#include "net/detail/http_parser.h"

namespace {

using namespace postern;

std::optional<net::HttpRequest> read(std::string bytes, std::size_t piece) {
  net::detail::RequestParser parser(8192, 65536);
  std::string waiting;
  while (!parser.done() && !bytes.empty()) {
    waiting += bytes.substr(0, piece);
    bytes.erase(0, piece);
    if (!parser.feed(waiting)) return std::nullopt;
  }
  if (!parser.done()) return std::nullopt;
  parser.keep_alive();
  parser.upgrade();
  parser.expects_continue();
  auto request = parser.take();
  if (!request) return std::nullopt;
  return std::move(*request);
}

void check_path(const std::string& path) {
  if (path.empty() || path[0] != '/' || path.find("//") != path.npos || (path + "/").find("/../") != path.npos ||
      (path + "/").find("/./") != path.npos) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const auto whole = read(bytes, bytes.size() + 1);
  const auto slow = read(bytes, 1);
  if (whole.has_value() != slow.has_value()) std::abort();
  if (whole) {
    if (whole->path != slow->path || whole->body != slow->body || whole->method != slow->method ||
        whole->query != slow->query || whole->headers.all() != slow->headers.all()) {
      std::abort();
    }
    check_path(whole->path);
    for (const auto& [name, value] : whole->headers.all()) {
      if (value.find_first_of("\r\n") != value.npos) std::abort();
    }
  }
  for (const bool head_only : {false, true}) {
    net::detail::ResponseParser parser(65536);
    if (head_only) parser.head_only();
    std::string rest = bytes;
    if (!parser.feed(rest)) continue;
    if (!parser.done() && !parser.finish()) continue;
    auto response = parser.take();
    if (response.body.size() > 65536) std::abort();
  }
  return 0;
}
