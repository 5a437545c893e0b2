#include "ems/api/fact_json.h"

#include <boost/json.hpp>

#include "base/hex.h"
#include "posture/explain.h"

namespace postern::ems::api {
namespace {

namespace json = boost::json;

json::array texts(const std::vector<std::string>& list) {
  json::array out;
  for (const std::string& text : list) out.emplace_back(text);
  return out;
}

json::value interface_json(const posture::Interface& interface) {
  json::array addresses;
  for (const IpAddress& address : interface.addresses) addresses.emplace_back(address.str());
  json::object out{{"name", interface.name}, {"addresses", std::move(addresses)}, {"up", interface.up}};
  out["mac"] = interface.mac.valid() ? json::value(interface.mac.str()) : json::value(nullptr);
  return out;
}

json::value route_json(const posture::Route& route) {
  json::object out{{"interface", route.interface}, {"vpn", route.vpn}, {"metric", route.metric}};
  out["gateway_ip"] = route.gateway_ip.valid() ? json::value(route.gateway_ip.str()) : json::value(nullptr);
  out["gateway_mac"] = route.gateway_mac.valid() ? json::value(route.gateway_mac.str()) : json::value(nullptr);
  out["local_ip"] = route.local_ip.valid() ? json::value(route.local_ip.str()) : json::value(nullptr);
  return out;
}

json::value stored_certificate_json(const posture::Certificate& c) {
  json::object out{{"subject", c.subject}, {"issuer", c.issuer}, {"sha256", to_hex_lower(c.sha256)}, {"store", c.store}};
  out["not_before"] = time_json(c.not_before);
  out["not_after"] = time_json(c.not_after);
  out["ca"] = c.ca;
  out["client_auth"] = c.client_auth;
  out["has_private_key"] = c.has_private_key;
  out["trusted"] = c.trust == posture::ChainTrust::kUnknown ? json::value(nullptr)
                                                            : json::value(c.trust == posture::ChainTrust::kTrusted);
  out["usages"] = c.usages ? json::value(texts(*c.usages)) : json::value(nullptr);
  return out;
}

/// Writes the value, or why there is none.
struct Writer {
  json::object& out;
  void operator()(const posture::Unknown& unknown) {
    out["unknown_reason"] = std::string(posture::unknown_reason_name(unknown.reason));
  }
  void operator()(bool value) { out["value"] = value; }
  void operator()(std::int64_t value) { out["value"] = value; }
  void operator()(const std::string& value) { out["value"] = value; }
  void operator()(const std::vector<std::string>& value) { out["value"] = texts(value); }
  void operator()(const std::vector<posture::Interface>& value) {
    json::array list;
    for (const posture::Interface& interface : value) list.push_back(interface_json(interface));
    out["value"] = std::move(list);
  }
  void operator()(const std::vector<posture::Route>& value) {
    json::array list;
    for (const posture::Route& route : value) list.push_back(route_json(route));
    out["value"] = std::move(list);
  }
  void operator()(const std::vector<posture::Certificate>& value) {
    json::array list;
    for (const posture::Certificate& certificate : value) list.push_back(stored_certificate_json(certificate));
    out["value"] = std::move(list);
  }
  void operator()(const posture::VulnerabilityCounts& value) { out["value"] = vulnerability_counts_json(value); }
};

}  // namespace

json::value time_json(WallTime time) {
  if (time == WallTime{}) return nullptr;
  return json::value(to_iso8601(time));
}

json::object vulnerability_counts_json(const posture::VulnerabilityCounts& counts) {
  return {{"critical", counts.critical}, {"high", counts.high}, {"medium", counts.medium},
          {"low", counts.low},           {"info", counts.info}, {"unknown", counts.unknown}};
}

json::object fact_json(std::string_view key, const posture::Fact& fact) {
  json::object out{{"key", json::string_view(key.data(), key.size())}, {"known", fact.known()}};
  std::visit(Writer{out}, fact.value);
  if (fact.as<std::int64_t>() != nullptr) {
    const auto text = posture::fact_value_text(key, fact.value);
    if (text != posture::fact_value_text(fact.value)) out["text"] = text;
  }
  out["collected_at"] = time_json(fact.collected_at);
  out["source"] = fact.source;
  return out;
}

}  // namespace postern::ems::api
