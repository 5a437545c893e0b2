#include "posture/explain.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "posture/fact_keys.h"
#include "posture/unknown_source.h"

namespace postern::posture {
namespace {

std::string none_or(std::vector<std::string> parts, std::string_view separator) {
  return parts.empty() ? "none" : join(parts, separator);
}

std::string_view trust_text(ChainTrust trust) {
  if (trust == ChainTrust::kUnknown) return "";
  return trust == ChainTrust::kTrusted ? "trusted, " : "not trusted, ";
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
    for (const Route& route : value) {
      std::string part = route.interface;
      if (route.gateway_ip.valid()) part += " via " + route.gateway_ip.str();
      if (route.gateway_mac.valid()) part += " (" + route.gateway_mac.str() + ")";
      parts.push_back(std::move(part));
    }
    return none_or(std::move(parts), "; ");
  }
  std::string operator()(const std::vector<Certificate>& value) const {
    std::vector<std::string> parts;
    for (const Certificate& certificate : value) {
      parts.push_back(fmt::format("{} (issued by {}, {} to {}, {}{}{}{} private key)", certificate.subject, certificate.issuer,
                                  to_iso8601(certificate.not_before), to_iso8601(certificate.not_after),
                                  certificate.ca ? "a CA's, " : "", certificate.client_auth ? "may prove a client, " : "",
                                  trust_text(certificate.trust),
                                  certificate.has_private_key ? "with its" : "without its"));
    }
    return none_or(std::move(parts), "; ");
  }
  std::string operator()(const VulnerabilityCounts& v) const {
    return fmt::format("critical={}, high={}, medium={}, low={}, info={}, unknown={} ({} fixable)",
                       v.critical, v.high, v.medium, v.low, v.info, v.unknown, v.unknown_fixable);
  }
};

}  // namespace

std::string fact_value_text(const FactValue& value) { return std::visit(Text{}, value); }

std::string fact_value_text(std::string_view key, const FactValue& value) {
  const auto name = key.substr(0, key.find(':'));
  const auto* number = std::get_if<std::int64_t>(&value);
  if (number == nullptr) return fact_value_text(value);
  if (key == keys::kEmsVulnMaxCvss) return fmt::format("{:.1f}", static_cast<double>(*number) / 10);
  if (key == keys::kEmsVulnMaxEpss) return fmt::format("{:.4f}", static_cast<double>(*number) / 10'000);
  if (!name.ends_with("_at") && name != keys::kSupportEnd) return fact_value_text(value);
  return *number == 0 ? "never" : to_iso8601(from_unix_ms(*number));
}

FactReading read_fact(const FactView& facts, std::string_view key) {
  FactReading reading;
  reading.key = key;
  const Fact* fact = facts.reported(key);
  if (fact == nullptr) {
    reading.text = "never reported";
    return reading;
  }
  reading.fact = *fact;
  reading.text = fact_value_text(key, fact->value);
  if (!fact->known()) {
    const auto [source, why] = split_unknown_source(fact->source);
    if (!why.empty()) reading.text += ": " + std::string(why);
    reading.fact->source = std::string(source);
  }
  const WallTime now = facts.now().wall;
  if (fact->collected_at != WallTime()) {  // other tags are judged, not collected
    reading.age = std::max(Millis(0), now - fact->collected_at);  // an endpoint's clock may be ahead of ours
  }
  reading.as_of = now - facts.age(key, *fact);
  return reading;
}

}  // namespace postern::posture
