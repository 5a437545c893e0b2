// /api/v1/ems: the EMS itself.
#include "ems/api/fact_json.h"
#include "ems/api/handling.h"
#include "ems/api/resources/resources.h"
#include "ems/api/services.h"
#include "pki/certificate.h"

namespace postern::ems::api {
namespace {

namespace json = boost::json;

void show_ems(const CallPtr& call) {
  const EmsStatus status = call->services.core.status();
  json::object counts{{"endpoints", status.endpoints},
                      {"registered", status.registered},
                      {"online", status.online},
                      {"quarantined", status.quarantined},
                      {"telemetry_sessions", status.telemetry_sessions},
                      {"fabric_sessions", status.fabric_sessions},
                      {"pending_devices", status.pending_devices}};
  json::object out{{"serial", status.serial.str()},
                   {"tenant", status.tenant.str()},
                   {"version", status.version},
                   {"revision", status.revision},
                   {"started_at", time_json(status.started_at)},
                   {"counts", std::move(counts)},
                   {"read_only", status.read_only}};
  out["store_error"] = status.store_error.empty() ? json::value(nullptr) : json::value(status.store_error);
  out["root_certificate"] = status.ems_root_pem;
  out["root_key_sha256"] = to_hex_lower(status.root_key_sha256);
  out["ztna_ca"] = status.ztna_ca_pem;
  const WebCertificateStatus& web = status.web_certificate;
  json::object certificate{{"name", web.name},
                           {"built_in", web.built_in},
                           {"fingerprint", pki::fingerprint_text(web.sha256)},
                           {"not_after", time_json(web.not_after)}};
  certificate["renews_at"] = web.renews_at ? time_json(*web.renews_at) : json::value(nullptr);
  out["web_certificate"] = std::move(certificate);
  json::array work;
  for (const Work& w : call->services.core.work()) {
    json::object row{{"kind", w.kind}, {"done", w.done}, {"total", w.total}};
    row["started_at"] = w.started_at ? time_json(*w.started_at) : json::value(nullptr);
    work.push_back(std::move(row));
  }
  out["work"] = std::move(work);
  call->reply(200, out);
}

}  // namespace

Resource ems_resource() {
  return {.name = "ems",
          .description = "The EMS itself",
          .routes = {{.method = "GET",
                      .path = "/api/v1/ems",
                      .role = Role::kReadonly,
                      .handler = show_ems,
                      .summary = "Serial number, version, counts, health, certificates and what it is working on",
                      .result = "Ems"}},
          .schemas = R"({"Ems": {"type": "object",
            "required": ["serial", "tenant", "version", "revision", "started_at", "counts", "read_only", "store_error",
              "root_certificate", "root_key_sha256", "ztna_ca", "web_certificate", "work"],
            "properties": {
              "serial": {"type": "string"}, "tenant": {"type": "string"}, "version": {"type": "string"},
              "revision": {"type": "integer", "description": "Of the newest committed change"},
              "started_at": {"type": "string", "format": "date-time"},
              "counts": {"type": "object", "required": ["endpoints", "registered", "online", "quarantined",
                  "telemetry_sessions", "fabric_sessions", "pending_devices"],
                "additionalProperties": {"type": "integer"}},
              "read_only": {"type": "boolean",
                "description": "The last commit failed: nothing is changed until storing works again"},
              "store_error": {"type": ["string", "null"], "description": "Why, and what to do"},
              "root_certificate": {"type": "string", "description": "PEM, of the EMS root key"},
              "root_key_sha256": {"type": "string",
                "description": "What invitations name: of the SubjectPublicKeyInfo"},
              "ztna_ca": {"type": "string", "description": "PEM: what signs endpoints' client certificates"},
              "work": {"type": "array", "items": {"$ref": "#/components/schemas/Work"},
                "description": "What goes on beside everything else; empty when everything is done"},
              "web_certificate": {"type": "object",
                "required": ["name", "built_in", "fingerprint", "not_after", "renews_at"],
                "description": "What browsers and gateways see", "properties": {
                  "name": {"type": "string", "description": "Under EMS Server Certificates"},
                  "built_in": {"type": "boolean"},
                  "fingerprint": {"type": "string", "description": "SHA-256, as people compare it: AB:CD:…"},
                  "not_after": {"type": ["string", "null"], "format": "date-time"},
                  "renews_at": {"type": ["string", "null"], "format": "date-time",
                    "description": "The built-in one renews itself from then on, and gateways that accepted it by its )"
                 R"(fingerprint ask again; null: an uploaded one, which somebody has to replace"}}}}},
          "Work": {"type": "object", "required": ["kind", "done", "total", "started_at"], "properties": {
              "kind": {"type": "string", "enum": ["evaluate", "match", "settle", "read_feeds"],
                "description": "Tags evaluated after a change, inventories matched with other feeds, whether endpoints are )"
                 R"(on-fabric, feeds fetched and read"},
              "done": {"type": "integer", "description": "Endpoints, or feeds"}, "total": {"type": "integer"},
              "started_at": {"type": ["string", "null"], "format": "date-time", "description": "null: its turn comes"}}}})"};
}

}  // namespace postern::ems::api
