#include "gateway/ztna/forward_log.h"

#include <iterator>

#include <fmt/format.h>

#include "base/log.h"

namespace postern::gateway {
namespace {

struct PutJson {
  std::string& line;
  void operator()(std::string_view name, std::string_view text) const {
    if (!text.empty()) fmt::format_to(std::back_inserter(line), R"(,"{}":{})", name, json_quote(text));
  }
  void operator()(std::string_view name, std::uint64_t number) const {
    fmt::format_to(std::back_inserter(line), R"(,"{}":{})", name, number);
  }
};

}  // namespace

std::string forward_line(const ForwardCut& c) {
  auto line = fmt::format(R"({{"time":"{}","type":"traffic","subtype":"forward","action":"cut")", to_iso8601(c.time));
  each_field(c, PutJson{line});
  if (c.source.valid() && !c.tags.empty()) {
    line += R"(,"tags":[)";
    for (std::size_t i = 0; i < c.tags.size(); ++i) line += (i > 0 ? "," : "") + json_quote(c.tags[i]);
    line += ']';
  }
  return line + '}';
}

}  // namespace postern::gateway
