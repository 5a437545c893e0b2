#include "gateway/ztna/forward_log.h"

#include <iterator>
#include <string_view>

#include <fmt/format.h>

#include "base/text.h"

namespace postern::gateway {
namespace {

void add(std::string& line, std::string_view name, std::string_view text) {
  if (!text.empty()) fmt::format_to(std::back_inserter(line), R"(,"{}":{})", name, json_quote(text));
}

void add(std::string& line, std::string_view name, std::uint64_t number) {
  fmt::format_to(std::back_inserter(line), R"(,"{}":{})", name, number);
}

}  // namespace

std::string forward_line(const ForwardCut& c) {
  auto line = fmt::format(R"({{"time":"{}","type":"traffic","subtype":"forward","action":"cut")", to_iso8601(c.time));
  add(line, "reason", policy::reason_code(c.reason));
  add(line, "reason_name", policy::reason_name(c.reason));
  add(line, "msg", policy::reason_text(c.reason));
  add(line, "detail", c.detail);
  if (!c.source.valid()) {
    add(line, "count", c.count);
    return line + '}';
  }
  add(line, "policyid", c.policy);
  add(line, "policyname", c.policy_name);
  add(line, "srcip", c.source.str());
  add(line, "srcport", c.source_port);
  add(line, "dstip", c.destination.str());
  add(line, "dstport", c.destination_port);
  add(line, "proto", c.protocol);
  add(line, "clientdeviceid", c.endpoint_uid);
  add(line, "clientdevicename", c.host_name);
  add(line, "clientdeviceems", c.ems_serial);
  if (!c.tags.empty()) {
    line += R"(,"tags":[)";
    for (std::size_t i = 0; i < c.tags.size(); ++i) line += (i > 0 ? "," : "") + json_quote(c.tags[i]);
    line += ']';
  }
  return line + '}';
}

}  // namespace postern::gateway
