#include "ems/api/endpoint_json.h"

#include <boost/json.hpp>

#include "ems/api/fact_json.h"
#include "ems/api/services.h"
#include "ems/registry/query.h"
#include "posture/fact_keys.h"

namespace postern::ems::api {
namespace {

namespace json = boost::json;
namespace keys = posture::keys;

json::value text_or_null(const std::string& text) { return text.empty() ? json::value(nullptr) : json::value(text); }

json::array tag_names(const EmsCore& core, const std::vector<posture::TagId>& ids) {
  std::vector<std::string> names;
  for (const posture::TagId id : ids) {
    // A tag that is gone is taken off its endpoints some flushes later.
    if (const auto* tag = core.engine().find(id)) names.push_back(tag->definition().name.str());
  }
  std::ranges::sort(names);
  json::array out;
  for (const std::string& name : names) out.emplace_back(name);
  return out;
}

json::value vulnerabilities_json(const Endpoint& e) {
  if (!e.vulnerabilities) return nullptr;
  json::object out = vulnerability_counts_json(e.vulnerabilities->counts);
  out["scanned_at"] = time_json(e.vulnerabilities->scanned_at);
  out["received_at"] = time_json(e.inventory_received_at);
  return out;
}

json::array certificates_json(const Endpoint& e) {
  json::array out;
  for (const IssuedCertificate& c : e.certificates) {
    out.push_back(json::object{{"serial", c.serial.str()},
                               {"sha256", to_hex_lower(c.sha256)},
                               {"not_before", time_json(c.not_before)},
                               {"not_after", time_json(c.not_after)},
                               {"ends_at", c.ends ? time_json(c.usable_until()) : json::value(nullptr)}});
  }
  return out;
}

}  // namespace

json::object endpoint_json(const EmsCore& core, const Endpoint& e) {
  json::object out;
  out["uid"] = e.uid.str();
  out["host_name"] = text_or_null(host_name(e));
  for (const auto& [name, key] : {std::pair("os_type", keys::kOsType), std::pair("os_family", keys::kOsFamily),
                                  std::pair("os_version", keys::kOsVersion), std::pair("agent_version", keys::kAgentVersion),
                                  std::pair("user", keys::kLastLoginUser)}) {
    out[name] = text_or_null(fact_text(e, key));
  }
  out["online"] = e.online;
  out["registered"] = e.registered();
  out["registration"] = std::string(registration_name(e.registration));
  out["unregistered_at"] = time_json(e.unregistered_at);
  const auto on_fabric = e.known<bool>(posture::keys::kEmsOnFabric);
  out["on_fabric"] = on_fabric ? json::value(*on_fabric) : json::value(nullptr);
  out["quarantined"] = e.quarantined;
  out["quarantine_reason"] = e.quarantined ? json::value(e.quarantine_reason) : json::value(nullptr);
  out["profile"] = e.profile;
  out["ip"] = text_or_null(primary_ip(e).str());
  const MacAddress mac = primary_mac(e);
  out["mac"] = mac.valid() ? json::value(mac.str()) : json::value(nullptr);
  out["public_ip"] = text_or_null(e.public_ip.str());
  out["client_cert_sn"] = e.certificates.empty() ? json::value(nullptr) : json::value(e.certificates.front().serial.str());
  out["certificates"] = certificates_json(e);
  const auto tags = e.tags();
  out["tags"] = tag_names(core, tags.has());
  out["unknown_tags"] = tag_names(core, tags.unknown());
  out["classifications"] = tag_names(core, e.classifications);
  out["vulnerabilities"] = vulnerabilities_json(e);
  out["enrolled_at"] = time_json(e.enrolled_at);
  out["invitation"] = text_or_null(e.invitation);
  out["last_seen"] = time_json(e.last_seen);
  return out;
}

Result<const Endpoint*> find_endpoint(const CallPtr& call) {
  const std::string& text = call->param("uid");
  const EndpointUid uid = parse_endpoint_uid(text);
  if (uid.empty()) return fail(ErrorCode::kNotFound, "\"" + text + "\" is no endpoint's UID: those have 32 hex digits");
  const Endpoint* endpoint = call->services.core.endpoint(uid);
  if (endpoint == nullptr) return fail(ErrorCode::kNotFound, "there is no endpoint " + uid.str());
  return endpoint;
}

std::string_view endpoint_schemas() {
  return R"({
    "Endpoint": {"type": "object",
      "required": ["uid", "host_name", "os_type", "os_family", "os_version", "agent_version", "user", "online",
        "registered", "registration", "unregistered_at", "on_fabric", "quarantined", "quarantine_reason", "profile", "ip", "mac",
        "public_ip", "client_cert_sn", "certificates", "tags", "unknown_tags", "classifications", "vulnerabilities", "enrolled_at",
        "invitation", "last_seen"],
      "properties": {
        "uid": {"type": "string", "description": "32 upper-case hex digits"},
        "host_name": {"type": ["string", "null"]},
        "os_type": {"type": ["string", "null"], "description": "LINUX64, WIN64, …"},
        "os_family": {"type": ["string", "null"], "description": "linux, windows, macos, ios, android"},
        "os_version": {"type": ["string", "null"]},
        "agent_version": {"type": ["string", "null"]},
        "user": {"type": ["string", "null"], "description": "Who signed in last"},
        "online": {"type": "boolean"},
        "registered": {"type": "boolean"},
        "registration": {"type": "string", "enum": ["registered", "deregistered", "revoked"],
          "description": "Gateways refuse whoever is not registered, whatever its tags say"},
        "unregistered_at": {"type": ["string", "null"], "format": "date-time",
          "description": "When the registration ended; null: it has not, or nobody noted when"},
        "on_fabric": {"type": ["boolean", "null"], "description": "Null: not known"},
        "quarantined": {"type": "boolean"},
        "quarantine_reason": {"type": ["string", "null"]},
        "profile": {"type": "string"},
        "ip": {"type": ["string", "null"], "description": "Of its default route"},
        "mac": {"type": ["string", "null"]},
        "public_ip": {"type": ["string", "null"], "description": "Where its telemetry comes from"},
        "client_cert_sn": {"type": ["string", "null"], "description": "Serial of the newest certificate"},
        "certificates": {"type": "array", "description": "Newest first; two around a renewal",
          "items": {"type": "object", "required": ["serial", "sha256", "not_before", "not_after", "ends_at"], "properties": {
            "serial": {"type": "string"}, "sha256": {"type": "string"},
            "not_before": {"type": "string", "format": "date-time"},
            "not_after": {"type": "string", "format": "date-time"},
            "ends_at": {"type": ["string", "null"], "format": "date-time",
              "description": "A newer one is in use: gateways let this one in until then"}}}},
        "tags": {"type": "array", "items": {"type": "string"}},
        "unknown_tags": {"type": "array", "items": {"type": "string"},
          "description": "Of these nobody knows: they never grant, and they deny where a policy denies by them"},
        "classifications": {"type": "array", "items": {"type": "string"}, "description": "Tags that were given by hand"},
        "vulnerabilities": {"type": ["object", "null"],
          "description": "Distinct CVEs by severity; null: not known, which is not the same as none",
          "required": ["critical", "high", "medium", "low", "info", "unknown", "scanned_at", "received_at"],
          "properties": {
            "critical": {"type": "integer"}, "high": {"type": "integer"}, "medium": {"type": "integer"},
            "low": {"type": "integer"}, "info": {"type": "integer"},
            "unknown": {"type": "integer", "description": "No source gives a severity"},
            "scanned_at": {"type": ["string", "null"], "format": "date-time"},
            "received_at": {"type": ["string", "null"], "format": "date-time",
              "description": "When the package inventory came"}}},
        "enrolled_at": {"type": ["string", "null"], "format": "date-time"},
        "invitation": {"type": ["string", "null"], "description": "Id of the invitation it enrolled by"},
        "last_seen": {"type": ["string", "null"], "format": "date-time"}}}})";
}

}  // namespace postern::ems::api
