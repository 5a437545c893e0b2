#include "gateway/addresses/kept_pins.h"

#include <limits>
#include <optional>

#include <fmt/format.h>

#include "base/text.h"

namespace postern::gateway {
namespace {

/// "1 9A01… 10.0.1.2 02:09:0f:00:01:02 port1"
std::optional<Pin> decode_line(std::string_view line) {
  const auto words = split(line, ' ');
  if (words.size() != 5) return std::nullopt;
  const auto connector = parse_u64(words[0]);
  const auto uid = parse_endpoint_uid(words[1]);
  const auto ip = IpAddress::parse(words[2]);
  const auto mac = MacAddress::parse(words[3]);
  if (!connector || *connector > std::numeric_limits<ConnectorId>::max() || uid.empty() || !ip || !mac) {
    return std::nullopt;
  }
  if (!mac->valid() || words[4].empty()) return std::nullopt;
  return Pin{{std::string(words[4]), *ip}, *mac, {static_cast<ConnectorId>(*connector), uid}};
}

}  // namespace

std::string encode_pins(const std::vector<Pin>& pins) {
  std::string out;
  for (const auto& p : pins) {
    out += fmt::format("{} {} {} {} {}\n", p.owner.connector, p.owner.uid.str(), p.key.ip.str(), p.mac.str(),
                       p.key.interface);
  }
  return out;
}

std::vector<Pin> decode_pins(std::string_view text) {
  std::vector<Pin> out;
  for (const auto line : split(text, '\n')) {
    if (auto pin = decode_line(line)) out.push_back(std::move(*pin));
  }
  return out;
}

}  // namespace postern::gateway
