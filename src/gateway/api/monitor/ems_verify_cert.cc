#include <algorithm>
#include <boost/json.hpp>

#include "base/hex.h"
#include "base/log.h"
#include "gateway/api/monitor/monitor.h"

namespace postern::gateway::api::monitors {
namespace {

namespace json = boost::json;

void post_ems_verify_cert(const CallPtr& call, const json::object& body) {
  const auto id = connector_of(call, body);
  if (!id) return call->fail(id.error());
  const auto bytes = from_hex(text_member(body, "fingerprint"));
  cli::Acceptance acceptance;
  if (!bytes || bytes->size() != acceptance.fingerprint.size()) {
    return call->fail(400, ErrorNumber::kBadValue,
                      "fingerprint: must be the certificate's SHA-256, 64 hex digits with or without colons "
                      "(endpoint-control/ems/cert-status?with_cert shows it; compare it with the EMS's own)");
  }
  std::copy(bytes->begin(), bytes->end(), acceptance.fingerprint.begin());
  // Only where another EMS is known here until now.
  if (const auto serial = text_member(body, "ems_serial"); !serial.empty()) {
    if (!valid_ems_serial(serial)) {
      return call->fail(400, ErrorNumber::kBadValue, "ems_serial: must be PSTEMS and 10 digits");
    }
    acceptance.serial = EmsSerial(serial);
  }
  if (const auto text = text_member(body, "ems_tenant_id"); !text.empty()) {
    const auto tenant = from_hex(text);
    if (!tenant || tenant->size() != 16) {
      return call->fail(400, ErrorNumber::kBadValue, "ems_tenant_id: must be 32 hex digits");
    }
    acceptance.tenant = TenantId(to_hex_lower(*tenant));
  }
  call->services.operations.accept_certificate(*id, acceptance, {call->who.name, "api"}, [call, id = *id](Status accepted) {
    if (!accepted) return call->fail(accepted.error());
    log_info("connector.accepted", "the certificate of an EMS was accepted",
             {{"by", call->who.name}, {"connector", std::to_string(id)}});
    call->reply_results(json::object{{"status", "success"}, {"ems_id", id}});
  });
}

}  // namespace

Monitor ems_verify_cert() {
  return {"POST",
          "endpoint-control/ems/verify-cert",
          {},
          {"ems_id", "fingerprint", "ems_serial", "ems_tenant_id"},
          post_ems_verify_cert};
}

}  // namespace postern::gateway::api::monitors
