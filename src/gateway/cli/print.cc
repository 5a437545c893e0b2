#include "gateway/cli/print.h"

#include <fmt/format.h>

#include "base/hex.h"
#include "gateway/cli/lines.h"

namespace postern::gateway::cli {
namespace {

std::string_view feature(Feature f) { return f == Feature::kPresent ? "1" : f == Feature::kAbsent ? "0" : ""; }

std::string_view on_net(Feature f) {
  return f == Feature::kPresent ? "on-net" : f == Feature::kAbsent ? "off-net" : "";
}

std::string when(const std::optional<WallTime>& time) { return time ? to_asctime(*time) : std::string(); }

std::string mac(const MacAddress& m) { return m.valid() ? m.str() : std::string(); }

}  // namespace

std::string print_endpoint(std::size_t number, const EndpointView& e) {
  const Record& r = e.record;
  std::string macs;
  for (const auto& other : e.other_macs) macs += (macs.empty() ? "" : ";") + other.str();
  std::string statistic;
  if (r.vulnerabilities) {
    const auto& v = *r.vulnerabilities;
    statistic =
        fmt::format("critical={}, high={}, medium={}, low={}, info={}", v.critical, v.high, v.medium, v.low, v.info);
  }
  Lines out;
  out.add(fmt::format("Record #{}:", number));
  out.add("IP Address =", e.ip.str());
  out.add("MAC Address =", mac(e.mac));
  out.add("MAC list =", macs);
  out.add("VDOM = root (0)");
  out.add("TOKEN VDOM = (-1)");
  out.add("EMS serial number:", r.ems_serial.str());
  out.add("EMS tenant id:", r.tenant.str());
  out.add("Client cert SN:", r.certificates.empty() ? "" : r.certificates.front().serial.str());
  out.add("Public IP address:", r.public_ip.str());
  out.add("Quarantined:", r.quarantined ? "yes" : "no");
  out.add("Online status:", r.online ? "online" : "offline");
  out.add("Registration status:", r.registered ? "registered" : "not registered");
  out.add("On-net status:", on_net(r.on_fabric));
  out.add("Gateway Interface:", e.gateway_interface);
  out.add("FortiClient version:", r.agent_version);
  out.add("AVDB version:", r.av_db_version);
  out.add("FortiClient app signature version:", r.app_signature_version);
  out.add("FortiClient vulnerability scan engine version:", r.vuln_engine_version);
  out.add("FortiClient UID:", r.key.uid.str());
  out.add("Host Name:", r.host_name);
  out.add("OS Type:", r.os_type);
  out.add("OS Version:", r.os_version);
  out.add("Host Description:", r.host_description);
  out.add("Domain:", r.domain);
  out.add("Last Login User:", r.last_login_user);
  out.add("Owner:", r.owner);
  out.add("Host Model:", r.host_model);
  out.add("Host Manufacturer:", r.host_manufacturer);
  out.add("CPU Model:", r.cpu_model);
  out.add("Memory Size:", r.memory_mb ? std::to_string(r.memory_mb) : "");
  out.add("AV Feature:", feature(r.av));
  out.add("FW Feature:", feature(r.fw));
  out.add("WF Feature:", feature(r.wf));
  out.add("AS Feature:", feature(r.as));
  out.add("VS Feature:", feature(r.vs));
  out.add("VN Feature:", feature(r.vn));
  out.add("Last vul message received time:", when(r.vuln_received));
  out.add("Last vul scanned time:", when(r.vuln_scanned));
  out.add("Last vul statistic:", statistic);
  out.add("Avatar fingerprint:", r.avatar_fingerprint);
  out.add("Avatar source username:", r.avatar_username);
  out.add("Avatar source email:", r.avatar_email);
  out.add("Avatar source:", r.avatar_source);
  out.add("Phone number:", r.phone_number);
  out.add(fmt::format("Number of Routes: ({})", e.routes.size()));
  for (std::size_t i = 0; i < e.routes.size(); ++i) {
    const auto& route = e.routes[i];
    out.add(fmt::format("Gateway Route #{}:", i));
    out.add(fmt::format("- IP:{}, MAC: {}, VPN: {}", route.ip.str(), mac(route.mac), route.vpn ? "yes" : "no"));
    out.add(fmt::format("- Interface:{}, VDOM:root (0), SN: {}", route.interface, route.serial.str()));
  }
  return out.take();
}

std::string print_dynamic_address(const DynamicAddress& a) {
  Lines out;
  out.add("CMDB name:", a.name);
  out.add("TAG name:", a.tag);
  out.add(fmt::format("{}: ID({})", a.name, a.id));
  for (const auto& ip : a.addresses) out.add(fmt::format("ADDR({})", ip.str()));
  out.add("Total IP dynamic range blocks: 0.");
  out.add(fmt::format("Total IP dynamic addresses: {}.", a.addresses.size()));
  return out.take();
}

std::string print_connector(const ConnectorStatus& c, bool trust_renewals) {
  const auto truth = [](bool b) { return b ? "true" : "false"; };
  std::string key;
  if (c.ztna_key) key = "0x" + to_hex_lower(ByteView(*c.ztna_key).first(6));
  // Bit 0: compared with the certificate accepted; bit 1: renewals are judged by the accepted issuer's key.
  const int method = c.certificate_accepted ? (trust_renewals ? 3 : 1) : 0;
  Lines out;
  out.add(fmt::format("FortiClient EMS number {}:", c.id));
  out.add(fmt::format("name(id): {}({}) confirmed: {}", c.name, c.id, c.confirmed() ? "yes" : "no"));
  out.add("is global: true");
  out.add("interface vdom: root");
  out.add("fetched-serial-number:", c.ems_serial.str());
  out.add("fetched-tenant-id:", c.tenant.str());
  out.add("user-data:");
  out.add("verified capabilities:", truth(c.capabilities_known));
  out.add("verified identity:", truth(c.identity_verified));
  out.add("interface-selection-method: 0");
  out.add(fmt::format("verify-peer-method: {}", method));
  out.add("ztna-public-key:" + key);
  out.add(fmt::format("Websocket status: {}, oif: {}", c.channel_state, c.out_interface));
  if (c.stale_since) out.add("Stale since:", to_asctime(*c.stale_since));
  return out.take();
}

std::string print_certificate(const PresentedCertificate& c) {
  Lines out;
  out.add("Subject:", c.subject);
  out.add("Issuer:", c.issuer);
  out.add("Valid from:", to_iso8601(c.not_before));
  out.add("Valid to:", to_iso8601(c.not_after));
  out.add("Serial number:", c.serial);
  out.add("Fingerprint (SHA-256):", to_hex_colons(c.fingerprint));
  if (c.accepted_before && !c.accepted) out.add("Accepted until now (SHA-256):", to_hex_colons(*c.accepted_before));
  const auto said = [&](std::string_view label, const std::string& now, const std::string& before) {
    if (!now.empty()) out.add(fmt::format("{}: {}", label, now));
    if (!before.empty() && before != now) out.add(fmt::format("{} until now: {}", label, before));
  };
  if (c.ems_serial.empty() && !c.pinned_serial.empty()) {
    out.add("EMS serial number expected:", c.pinned_serial.str());
    return out.take();
  }
  said("EMS serial number", c.ems_serial.str(), c.pinned_serial.str());
  said("EMS tenant id", c.tenant.str(), c.pinned_tenant.str());
  return out.take();
}

}  // namespace postern::gateway::cli
