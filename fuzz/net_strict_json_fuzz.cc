// JSON bodies of both REST APIs. Input: a Content-Type, a line break, then a body.
#include <boost/json.hpp>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "net/strict_json.h"

namespace {

void demand(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern::net;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t line = input.find('\n');
  const std::string_view body = line == input.npos ? std::string_view() : input.substr(line + 1);

  HttpHeaders headers;
  headers.add("Content-Type", std::string(input.substr(0, line)));
  (void)check_json_type(headers);
  for (const std::size_t depth : {16u, 32u}) {
    // What was accepted survives being written and read again.
    if (const auto value = parse_strict_json(body, depth)) {
      demand(parse_strict_json(boost::json::serialize(*value), depth).has_value());
    }
  }
  return 0;
}
