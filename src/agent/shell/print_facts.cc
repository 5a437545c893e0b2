#include "agent/shell/print_facts.h"

#include <algorithm>

#include <fmt/format.h>

#include "agent/collectors/asked.h"
#include "base/log.h"
#include "base/text.h"

namespace postern::agent {
namespace {

template <class T, class Print>
std::string list(const std::vector<T>& values, Print print) {
  std::string out = "[";
  for (const auto& value : values) out += (out.size() == 1 ? "" : ",") + print(value);
  return out + "]";
}

std::string interface_json(const posture::Interface& i) {
  return fmt::format(R"({{"name":{},"mac":{},"up":{},"addresses":{}}})", json_quote(i.name),
                     i.mac.valid() ? json_quote(i.mac.str()) : "null", i.up,
                     list(i.addresses, [](const IpAddress& ip) { return json_quote(ip.str()); }));
}

std::string route_json(const posture::Route& r) {
  return fmt::format(R"({{"interface":{},"gateway_ip":{},"gateway_mac":{},"local_ip":{},"vpn":{},"metric":{}}})",
                     json_quote(r.interface), r.gateway_ip.valid() ? json_quote(r.gateway_ip.str()) : "null",
                     r.gateway_mac.valid() ? json_quote(r.gateway_mac.str()) : "null",
                     r.local_ip.valid() ? json_quote(r.local_ip.str()) : "null", r.vpn, r.metric);
}

std::string trust_json(posture::ChainTrust trust) {
  if (trust == posture::ChainTrust::kUnknown) return "null";
  return trust == posture::ChainTrust::kTrusted ? "true" : "false";
}

std::string usages_json(const std::optional<std::vector<std::string>>& usages) {
  return usages ? list(*usages, [](const auto& oid) { return json_quote(oid); }) : "null";
}

std::string certificate_json(const posture::Certificate& c) {
  return fmt::format(R"({{"subject":{},"issuer":{},"sha256":"{}","store":{},"not_before":"{}","not_after":"{}","ca":{},)"
                     R"("client_auth":{},"has_private_key":{},"trusted":{},"usages":{}}})",
                     json_quote(c.subject), json_quote(c.issuer), to_hex_lower(c.sha256), json_quote(c.store),
                     to_iso8601(c.not_before), to_iso8601(c.not_after), c.ca, c.client_auth, c.has_private_key,
                     trust_json(c.trust), usages_json(c.usages));
}

struct ValueJson {
  std::string operator()(const posture::Unknown&) const { return "null"; }
  std::string operator()(bool b) const { return b ? "true" : "false"; }
  std::string operator()(std::int64_t n) const { return std::to_string(n); }
  std::string operator()(const std::string& s) const { return json_quote(s); }
  std::string operator()(const std::vector<std::string>& v) const {
    return list(v, [](const auto& s) { return json_quote(s); });
  }
  std::string operator()(const std::vector<posture::Interface>& v) const { return list(v, interface_json); }
  std::string operator()(const std::vector<posture::Route>& v) const { return list(v, route_json); }
  std::string operator()(const std::vector<posture::Certificate>& v) const { return list(v, certificate_json); }
  std::string operator()(const posture::VulnerabilityCounts&) const { return "null"; }  // made by the EMS, never here
};

struct ValueText {
  std::string operator()(const posture::Unknown& u) const {
    return fmt::format("unknown ({})", posture::unknown_reason_name(u.reason));
  }
  std::string operator()(bool b) const { return b ? "yes" : "no"; }
  std::string operator()(std::int64_t n) const { return std::to_string(n); }
  std::string operator()(const std::string& s) const { return s; }
  std::string operator()(const std::vector<std::string>& v) const { return v.empty() ? "none" : join(v, ", "); }
  std::string operator()(const std::vector<posture::Interface>& v) const {
    std::vector<std::string> parts;
    for (const auto& i : v) {
      std::vector<std::string> addresses;
      for (const auto& ip : i.addresses) addresses.push_back(ip.str());
      parts.push_back(fmt::format("{} {} {}", i.name, i.mac.str(), join(addresses, " ")));
    }
    return parts.empty() ? "none" : join(parts, "; ");
  }
  std::string operator()(const std::vector<posture::Route>& v) const {
    std::vector<std::string> parts;
    for (const auto& r : v) {
      parts.push_back(fmt::format("{} via {}{}", r.interface,
                                  r.gateway_ip.valid() ? r.gateway_ip.str() : "no gateway",
                                  r.gateway_mac.valid() ? " (" + r.gateway_mac.str() + ")" : ""));
    }
    return parts.empty() ? "none" : join(parts, "; ");
  }
  std::string operator()(const std::vector<posture::Certificate>& v) const {
    std::vector<std::string> parts;
    for (const auto& c : v) parts.push_back(fmt::format("{} until {}", c.subject, to_iso8601(c.not_after)));
    return parts.empty() ? "none" : join(parts, "; ");
  }
  std::string operator()(const posture::VulnerabilityCounts&) const { return ""; }
};

}  // namespace

posture::FactMap facts_of(const std::filesystem::path& root, const std::set<std::string, std::less<>>& keys, bool all,
                          WallTime now) {
  auto record = collect_all(root, now);
  if (keys.empty() && !all) return record;
  auto asked = all ? keys_without_argument() : std::set<std::string, std::less<>>();
  posture::FactMap out;
  for (const auto& key : keys) {
    if (const auto it = record.find(key); it != record.end()) {
      out.insert(*it);
    } else {
      asked.insert(key);
    }
  }
  if (all) out.merge(record);
  out.merge(answer_all(asked, root, now));
  return out;
}

std::string facts_table(const posture::FactMap& facts) {
  std::size_t width = 0;
  for (const auto& [key, fact] : facts) width = std::max(width, one_line(key).size());
  std::string out;
  for (const auto& [key, fact] : facts) {
    // Files say what they like, a terminal's commands too.
    out += fmt::format("{:<{}}  {}  [{}]\n", one_line(key), width, one_line(std::visit(ValueText{}, fact.value)), one_line(fact.source));
  }
  return out;
}

std::string facts_json(const posture::FactMap& facts) {
  std::string out = "{";
  for (const auto& [key, fact] : facts) {
    out += out.size() == 1 ? "\n" : ",\n";
    if (const auto* unknown = fact.as<posture::Unknown>()) {
      out += fmt::format(R"({}:{{"unknown":"{}","source":{},"collected_at":"{}"}})", json_quote(key),
                         posture::unknown_reason_name(unknown->reason), json_quote(fact.source),
                         to_iso8601(fact.collected_at));
    } else {
      out += fmt::format(R"({}:{{"value":{},"source":{},"collected_at":"{}"}})", json_quote(key),
                         std::visit(ValueJson{}, fact.value), json_quote(fact.source), to_iso8601(fact.collected_at));
    }
  }
  return out + "\n}\n";
}

}  // namespace postern::agent
