#include <boost/json.hpp>

#include "base/hex.h"
#include "gateway/api/monitor/monitor.h"

namespace postern::gateway::api::monitors {
namespace {

namespace json = boost::json;

/// Asks the EMS what it shows now; nothing is trusted by it.
void get_ems_cert_status(const CallPtr& call, const json::object&) {
  const auto* ems_id = call->query("ems_id");
  const auto id = connector_of(call, ems_id ? *ems_id : "");
  if (!id) return call->fail(id.error());
  const auto* wanted = call->query("with_cert");
  const bool with_cert = wanted != nullptr && *wanted != "false" && *wanted != "0";
  call->services.operations.present_certificate(
      *id, [call, id = *id, with_cert](Result<cli::PresentedCertificate> shown) {
        json::object out = {{"ems_status", connector_status(call, id).channel_state}};
        if (!shown) {
          out["status"] = "error";
          out["error"] = shown.error().message;
          return call->reply_results(std::move(out));
        }
        out["status"] = shown->accepted && !shown->other_ems ? "verified" : "unverified";
        out["error"] = "";
        if (with_cert) {
          out["cert"] = {{"subject", shown->subject},
                         {"issuer", shown->issuer},
                         {"valid_from", to_iso8601(shown->not_before)},
                         {"valid_to", to_iso8601(shown->not_after)},
                         {"serial_number", shown->serial},
                         {"fingerprint", to_hex_colons(shown->fingerprint)}};
          if (shown->accepted_before) out["accepted_fingerprint"] = to_hex_colons(*shown->accepted_before);
          out["ems_serial"] = shown->ems_serial.str();
          out["ems_tenant_id"] = shown->tenant.str();
          out["accepted_ems_serial"] = shown->pinned_serial.str();
          out["accepted_ems_tenant_id"] = shown->pinned_tenant.str();
        }
        call->reply_results(std::move(out));
      });
}

}  // namespace

Monitor ems_cert_status() { return {"GET", "endpoint-control/ems/cert-status", {"ems_id", "with_cert"}, {}, get_ems_cert_status}; }

}  // namespace postern::gateway::api::monitors
