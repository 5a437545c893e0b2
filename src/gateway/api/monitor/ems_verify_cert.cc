#include <algorithm>

#include <boost/json.hpp>

#include "base/hex.h"
#include "base/log.h"
#include "gateway/api/monitor/monitor.h"

namespace postern::gateway::api::monitors {
namespace {

namespace json = boost::json;

void run(const CallPtr& call, const json::object& body) {
  const auto id = connector_of(call, body);
  if (!id) return call->fail(id.error());
  const auto bytes = from_hex(text_member(body, "fingerprint"));
  Sha256 fingerprint{};
  if (!bytes || bytes->size() != fingerprint.size()) {
    return call->fail(400, ErrorNumber::kBadValue,
                      "fingerprint: must be the certificate's SHA-256, 64 hex digits with or without colons "
                      "(endpoint-control/ems/cert-status?with_cert shows it; compare it with the EMS's own)");
  }
  std::copy(bytes->begin(), bytes->end(), fingerprint.begin());
  call->services.operations.accept_certificate(*id, fingerprint, [call, id = *id](Status accepted) {
    if (!accepted) return call->fail(accepted.error());
    log_info("connector.accepted", "the certificate of an EMS was accepted",
             {{"by", call->who.name}, {"connector", std::to_string(id)}});
    call->reply_results(json::object{{"status", "success"}, {"ems_id", id}});
  });
}

}  // namespace

Monitor ems_verify_cert() { return {"POST", "endpoint-control/ems/verify-cert", {}, {"ems_id", "fingerprint"}, run}; }

}  // namespace postern::gateway::api::monitors
