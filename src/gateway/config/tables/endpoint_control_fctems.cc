#include "base/ids.h"
#include "gateway/config/tables/attributes.h"
#include "gateway/config/tables/tables.h"

namespace postern::gateway::config::tables {
namespace {

Status check_fctems(const ObjectView& o) {
  if (o.enabled("status") && o.text("server").empty()) {
    return fail(ErrorCode::kInvalidArgument, "status: enable needs a server (set server <name or address>)");
  }
  if (const auto serial = o.text("serial-number"); !serial.empty() && !valid_ems_serial(serial)) {
    return fail(ErrorCode::kInvalidArgument,
                "serial-number: \"" + serial + "\" is not allowed; allowed: PSTEMS and 10 digits");
  }
  if (const auto tenant = o.text("tenant-id"); !tenant.empty()) {
    if (tenant.size() != 32 || tenant.find_first_not_of("0123456789abcdefABCDEF") != tenant.npos) {
      return fail(ErrorCode::kInvalidArgument,
                  "tenant-id: \"" + tenant + "\" is not allowed; allowed: 32 hex digits");
    }
  }
  return {};
}

}  // namespace

Table endpoint_control_fctems() {
  Table t;
  t.name = "endpoint-control fctems";
  t.help = "Fabric connectors: the EMSs that this gateway gets endpoints and tags from.";
  t.key = number("ems-id", "Slot of the connector; part of the names of its tags (EMS1_ZTNA_…).", 1, 7);
  t.attributes = {
      toggle("status", "Whether the connector is in use.", false),
      text("name", "Name for people.", 35),
      of_type("server", Type::kHost, "Host name or address of the EMS."),
      number("https-port", "HTTPS port of the EMS.", 1, 65535).by_default("443"),
      text("serial-number", "Serial number of the EMS; empty: the first that answers is kept.", 16),
      text("tenant-id", "Tenant of the EMS; empty: the first that answers is kept.", 32),
      of_type("source-ip", Type::kAddress, "Address to connect from; 0.0.0.0: the kernel's choice.")
          .by_default("0.0.0.0"),
      number("call-timeout", "Seconds that connecting may take.", 1, 180).by_default("30"),
      number("out-of-sync-threshold",
             "Seconds that endpoint records stay valid without the EMS; then policies deny.", 10, 3600)
          .by_default("180"),
      toggle("trust-ca-cn", "Accept a renewed EMS certificate when the same issuer's key signed it.", true),
      of_type("certificate-fingerprint", Type::kFingerprint,
              "SHA-256 of the EMS certificate that an administrator accepted (execute fctems verify)."),
      of_type("certificate-issuer-key", Type::kFingerprint,
              "SHA-256 of the public key that signed the accepted certificate."),
      reference("certificate-remote",
                "The EMS's certificate, or that of who issues it: accepted as if by execute fctems verify.",
                {"certificate remote"}),
      option("dirty-reason", "Why the connector is stopped.",
             {{"none", "It is not."}, {"mismatched-ems-sn", "Another EMS answers at this address."},
              {"mismatched-tenant-id", "The EMS at this address speaks for another tenant."},
              {"mismatched-certificate", "The EMS shows another certificate than the one accepted."}})
          .by_default("none")
          .live(),
      text("verifying-ca", "Issuer of the certificate that the EMS showed when it was last connected.", 255).live(),
      text("capabilities", "What the EMS says it can do.", 63).list().live(),
      toggle("pull-sysinfo", "Take endpoint information.", true).inert(),
      toggle("pull-vulnerabilities", "Take vulnerability counts.", true).inert(),
      toggle("pull-tags", "Take tags.", true).inert(),
      toggle("pull-malware-hash", "Take malware hashes; an EMS of ours has none to give.", true).inert(),
      toggle("pull-avatars", "Take avatars.", true).inert(),
      toggle("send-tags-to-all-vdoms", "There is one virtual domain.", false).inert(),
      toggle("websocket-override", "The channel is always a WebSocket.", false).inert(),
      toggle("preserve-ssl-session", "Sessions are never resumed past a revocation.", false).inert(),
      toggle("fortinetone-cloud-authentication", "There is no cloud account.", false).inert(),
      text("cloud-authentication-access-key", "There is no cloud account.", 20).inert(),
      option("interface-select-method", "How the outgoing interface is chosen.",
             {{"auto", "By the kernel's routes."}, {"sdwan", "By SD-WAN."}, {"specify", "By name."}})
          .by_default("auto")
          .inert(),
      text("interface", "Outgoing interface.", 15).inert(),
  };
  t.check = check_fctems;
  return t;
}

}  // namespace postern::gateway::config::tables
