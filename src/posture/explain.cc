#include "posture/explain.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace postern::posture {
namespace {

std::string none_or(std::vector<std::string> parts, std::string_view separator) {
  return parts.empty() ? "none" : join(parts, separator);
}

struct Text {
  std::string operator()(const Unknown& unknown) const {
    return fmt::format("unknown ({})", unknown_reason_name(unknown.reason));
  }
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(std::int64_t value) const { return fmt::to_string(value); }
  std::string operator()(const std::string& value) const { return value; }
  std::string operator()(const std::vector<std::string>& value) const {
    return none_or(value, ", ");
  }
  std::string operator()(const std::vector<Interface>& value) const {
    std::vector<std::string> parts;
    for (const Interface& interface : value) {
      std::string part = interface.name + (interface.up ? " up" : " down");
      for (const IpAddress& address : interface.addresses) part += " " + address.str();
      parts.push_back(std::move(part));
    }
    return none_or(std::move(parts), "; ");
  }
  std::string operator()(const std::vector<Route>& value) const {
    std::vector<std::string> parts;
    for (const Route& route : value)
      parts.push_back(route.interface + " via " + route.gateway_ip.str());
    return none_or(std::move(parts), "; ");
  }
  std::string operator()(const VulnerabilityCounts& v) const {
    return fmt::format("critical={}, high={}, medium={}, low={}, info={}, unknown={} ({} fixable)",
                       v.critical, v.high, v.medium, v.low, v.info, v.unknown, v.unknown_fixable);
  }
};

}  // namespace

std::string fact_value_text(const FactValue& value) { return std::visit(Text{}, value); }

FactReading read_fact(const FactMap& facts, std::string_view key, WallTime now) {
  FactReading reading;
  reading.key = key;
  const auto it = facts.find(key);
  if (it == facts.end()) {
    reading.text = "never reported";
    return reading;
  }
  reading.fact = it->second;
  reading.text = fact_value_text(it->second.value);
  // An endpoint's clock may be ahead of ours.
  reading.age = std::max(Millis(0), now - it->second.collected_at);
  return reading;
}

}  // namespace postern::posture
