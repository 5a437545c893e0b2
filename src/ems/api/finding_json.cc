#include "ems/api/finding_json.h"

#include <algorithm>
#include <boost/json.hpp>

#include "ems/api/fact_json.h"
#include "ems/registry/risk.h"
#include "vuln/severity.h"

namespace postern::ems::api {
namespace {

namespace json = boost::json;

json::value cvss_json(const Finding& f) {
  const auto tenths = f.judgement.cvss_tenths;
  if (!tenths) return nullptr;
  // A record about several vulnerabilities may score this one higher than those about it alone: then there is no vector.
  const bool its_vector = f.note && f.note->cvss_tenths == tenths && !f.note->cvss_vector.empty();
  return json::object{{"score", *tenths / 10.0},
                      {"severity", vuln::severity_name(vuln::severity_of_cvss_tenths(tenths))},
                      {"vector", its_vector ? json::value(f.note->cvss_vector) : json::value(nullptr)}};
}

json::value kev_json(const Finding& f) {
  if (!f.kev || !f.note || f.note->kev_added.empty()) return nullptr;
  const auto& due = f.note->kev_due;
  return json::object{{"date_added", f.note->kev_added},
                      {"due_date", due.empty() ? json::value(nullptr) : json::value(due)},
                      {"ransomware", f.note->kev_ransomware}};
}

json::value epss_json(const Finding& f) {
  if (!f.note || !f.note->epss) return nullptr;
  return json::object{{"probability", *f.note->epss / 10'000.0},
                      {"percentile", f.note->epss_percentile.value_or(0) / 10'000.0}};
}

json::value accepted_json(const Finding& f) {
  if (!f.accepted) return nullptr;
  return json::object{{"risk", f.accepted->id},
                      {"accepted_by", f.accepted->accepted_by},
                      {"reason", f.accepted->reason},
                      {"expires_at", time_json(f.accepted->expires_at)}};
}

}  // namespace

const std::vector<std::string>& severities_worst_first() {
  static const std::vector<std::string> all{"critical", "high", "medium", "low", "info", "unknown"};
  return all;
}

std::string finding_position(const Finding& f) {
  const auto& order = severities_worst_first();
  const auto rank = std::ranges::find(order, f.severity) - order.begin();
  return std::string(f.accepted ? "1" : "0") + (f.kev ? "0" : "1") + std::to_string(rank) + f.cve + '\n' + f.package +
         '\n' + f.version;
}

json::object finding_json(const Finding& f) {
  json::object out{{"cve", f.cve}, {"source", f.source}, {"package", f.package}, {"version", f.version}};
  out["fixed"] = f.fixed.empty() ? json::value(nullptr) : json::value(f.fixed);
  out["severity"] = f.severity;
  const auto reason = vuln::effective_severity(f.judgement).reason;
  out["severity_reason"] = vuln::severity_reason_code(reason);
  out["severity_text"] = vuln::severity_reason_text(f.judgement);
  out["vendor_severity"] = vuln::severity_name(f.judgement.vendor);
  out["cvss"] = cvss_json(f);
  out["kev"] = f.kev;
  out["kev_entry"] = kev_json(f);
  out["epss"] = epss_json(f);
  out["undetermined"] = f.judgement.undetermined;
  out["no_advisory_planned"] = f.judgement.no_dsa;
  out["accepted"] = accepted_json(f);
  return out;
}

const std::string_view kFindingSchema = R"({"type": "object",
  "required": ["cve", "source", "package", "version", "fixed", "severity", "severity_reason", "severity_text",
    "vendor_severity", "cvss", "kev", "kev_entry", "epss", "undetermined", "no_advisory_planned", "accepted"],
  "properties": {
    "cve": {"type": "string"}, "source": {"type": "string"}, "package": {"type": "string"},
    "version": {"type": "string", "description": "Installed"},
    "fixed": {"type": ["string", "null"], "description": "First version without it; null: none is published"},
    "severity": {"type": "string", "enum": ["critical", "high", "medium", "low", "info", "unknown"],
      "description": "The effective one: the distribution's, else the band of the CVSS score; at least high when exploited"},
    "severity_reason": {"type": "string", "enum": ["unknown", "undetermined", "vendor", "vendor-below-cvss", "cvss", "kev"]},
    "severity_text": {"type": "string", "description": "The same for a person"},
    "vendor_severity": {"type": "string", "enum": ["critical", "high", "medium", "low", "info", "unknown"]},
    "cvss": {"type": ["object", "null"], "description": "CVSS v3 base score", "properties": {
      "score": {"type": "number"}, "severity": {"type": "string"}, "vector": {"type": ["string", "null"]}}},
    "kev": {"type": "boolean", "description": "Known to be exploited"},
    "kev_entry": {"type": ["object", "null"], "description": "CISA's catalogue", "properties": {
      "date_added": {"type": "string"}, "due_date": {"type": ["string", "null"]}, "ransomware": {"type": "boolean"}}},
    "epss": {"type": ["object", "null"], "description": "Likelihood of exploitation within 30 days: no severity",
      "properties": {"probability": {"type": "number"}, "percentile": {"type": "number"}}},
    "undetermined": {"type": "boolean", "description": "The distribution has not found out yet whether it is affected"},
    "no_advisory_planned": {"type": "boolean", "description": "The distribution plans no advisory of its own for it"},
    "accepted": {"type": ["object", "null"], "description": "Somebody lives with it for now: it is not counted",
      "properties": {"risk": {"type": "string"}, "accepted_by": {"type": "string"}, "reason": {"type": "string"},
        "expires_at": {"type": "string", "format": "date-time"}}}}})";

}  // namespace postern::ems::api
