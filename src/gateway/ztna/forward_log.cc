#include "gateway/ztna/forward_log.h"

#include <iterator>
#include <string_view>

#include <fmt/format.h>

#include "base/text.h"

namespace postern::gateway {
namespace {

void put_field(std::string& line, std::string_view name, std::string_view text) {
  if (!text.empty()) fmt::format_to(std::back_inserter(line), R"(,"{}":{})", name, json_quote(text));
}

void put_field(std::string& line, std::string_view name, std::uint64_t number) {
  fmt::format_to(std::back_inserter(line), R"(,"{}":{})", name, number);
}

}  // namespace

std::string forward_line(const ForwardCut& c) {
  auto line = fmt::format(R"({{"time":"{}","type":"traffic","subtype":"forward","action":"cut")", to_iso8601(c.time));
  put_field(line, "reason", policy::reason_code(c.reason));
  put_field(line, "reason_name", policy::reason_name(c.reason));
  put_field(line, "msg", policy::reason_text(c.reason));
  put_field(line, "detail", c.detail);
  if (!c.source.valid()) {
    put_field(line, "count", c.count);
    return line + '}';
  }
  put_field(line, "policyid", c.policy);
  put_field(line, "policyname", c.policy_name);
  put_field(line, "srcip", c.source.str());
  put_field(line, "srcport", c.source_port);
  put_field(line, "dstip", c.destination.str());
  put_field(line, "dstport", c.destination_port);
  put_field(line, "proto", c.protocol);
  put_field(line, "clientdeviceid", c.endpoint_uid);
  put_field(line, "clientdevicename", c.host_name);
  put_field(line, "clientdeviceems", c.ems_serial);
  if (!c.tags.empty()) {
    line += R"(,"tags":[)";
    for (std::size_t i = 0; i < c.tags.size(); ++i) line += (i > 0 ? "," : "") + json_quote(c.tags[i]);
    line += ']';
  }
  return line + '}';
}

}  // namespace postern::gateway
