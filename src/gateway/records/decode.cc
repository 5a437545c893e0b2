#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "gateway/records/record.h"
#include "wire/fabric.pb.h"

namespace postern::gateway {
namespace {

/// Empty bytes are no address.
std::optional<IpAddress> ip_of(const std::string& bytes) {
  return bytes.empty() ? IpAddress() : IpAddress::from_bytes(bytes);
}

std::optional<MacAddress> mac_of(const std::string& bytes) {
  return bytes.empty() ? MacAddress() : MacAddress::from_bytes(bytes);
}

Feature feature_of(wire::Feature feature) {
  switch (feature) {
    case wire::FEATURE_PRESENT: return Feature::kPresent;
    case wire::FEATURE_ABSENT: return Feature::kAbsent;
    default: return Feature::kUnknown;
  }
}

std::optional<WallTime> time_of(std::int64_t ms) {
  if (ms == 0) return std::nullopt;
  return from_unix_ms(ms);
}

tl::unexpected<Error> damaged(const char* what) {
  return fail(ErrorCode::kDataLoss, fmt::format("endpoint record: {}", what));
}

}  // namespace

Result<Record> decode_record(ConnectorId connector, std::string_view view_entry) {
  wire::ViewEntry entry;
  if (!entry.ParseFromArray(view_entry.data(), static_cast<int>(view_entry.size()))) return damaged("damaged");
  const auto& in = entry.record();
  Record r;
  r.key = {connector, parse_endpoint_uid(in.uid())};
  if (r.key.uid.empty()) return damaged("no valid UID");
  r.ems_serial = EmsSerial(in.ems_serial());
  r.tenant = TenantId(in.tenant_id());
  for (const auto& c : in.certificates()) {
    ClientCertificate out;
    if (c.sha256().size() != out.sha256.size()) return damaged("certificate digest of wrong length");
    std::memcpy(out.sha256.data(), c.sha256().data(), out.sha256.size());
    out.serial = CertSerial(c.serial());
    out.not_after = from_unix_ms(c.not_after_ms());
    r.certificates.push_back(std::move(out));
  }
  const auto public_ip = ip_of(in.public_ip());
  if (!public_ip) return damaged("public address of wrong length");
  r.public_ip = *public_ip;
  r.quarantined = in.quarantined();
  r.online = in.online();
  r.registered = in.registered();
  r.blocked = in.blocked();
  r.on_fabric = feature_of(in.on_fabric());
  r.agent_version = in.agent_version();
  r.av_db_version = in.av_db_version();
  r.app_signature_version = in.app_signature_version();
  r.vuln_engine_version = in.vuln_engine_version();
  r.host_name = in.host_name();
  r.os_type = in.os_type();
  r.os_version = in.os_version();
  r.host_description = in.host_description();
  r.domain = in.domain();
  r.last_login_user = in.last_login_user();
  r.owner = in.owner();
  r.host_model = in.host_model();
  r.host_manufacturer = in.host_manufacturer();
  r.cpu_model = in.cpu_model();
  r.memory_mb = in.memory_mb();
  r.av = feature_of(in.av_feature());
  r.fw = feature_of(in.fw_feature());
  r.wf = feature_of(in.wf_feature());
  r.as = feature_of(in.as_feature());
  r.vs = feature_of(in.vs_feature());
  r.vn = feature_of(in.vn_feature());
  r.vuln_received = time_of(in.vuln_received_ms());
  r.vuln_scanned = time_of(in.vuln_scanned_ms());
  if (in.has_vulnerabilities()) {
    const auto& v = in.vulnerabilities();
    r.vulnerabilities =
        posture::VulnerabilityCounts{v.critical(), v.high(), v.medium(), v.low(), v.info(), v.unknown(), 0};
  }
  r.avatar_fingerprint = in.avatar_fingerprint();
  r.avatar_username = in.avatar_username();
  r.avatar_email = in.avatar_email();
  r.avatar_source = in.avatar_source();
  r.phone_number = in.phone_number();
  for (const auto& i : in.interfaces()) {
    const auto mac = mac_of(i.mac());
    if (!mac) return damaged("interface with a hardware address of wrong length");
    posture::Interface out{i.name(), *mac, {}, i.up()};
    for (const auto& a : i.addresses()) {
      const auto ip = ip_of(a);
      if (!ip || !ip->valid()) return damaged("interface with an address of wrong length");
      out.addresses.push_back(*ip);
    }
    r.interfaces.push_back(std::move(out));
  }
  for (const auto& route : in.routes()) {
    const auto gateway = ip_of(route.gateway_ip());
    const auto mac = mac_of(route.gateway_mac());
    const auto local = ip_of(route.local_ip());
    if (!gateway || !mac || !local) return damaged("route with an address of wrong length");
    r.routes.push_back({route.interface(), *gateway, *mac, *local, route.vpn(), route.metric()});
  }
  r.tags.assign(in.tags().begin(), in.tags().end());
  r.unknown_tags.assign(in.unknown_tags().begin(), in.unknown_tags().end());
  r.share_connected = entry.share_connected();
  r.share_all = entry.share_all();
  r.share_selected = entry.share_selected();
  r.asked = entry.asked();
  return r;
}

std::vector<MacAddress> Record::hardware_addresses() const {
  std::vector<MacAddress> out;
  for (const auto& interface : interfaces) {
    if (interface.mac.valid()) out.push_back(interface.mac);
  }
  return out;
}

WallTime Record::last_expiry() const {
  WallTime out{};
  for (const auto& certificate : certificates) out = std::max(out, certificate.not_after);
  return out;
}

Result<TagInfo> decode_tag(std::string_view tag_info) {
  wire::TagInfo in;
  if (!in.ParseFromArray(tag_info.data(), static_cast<int>(tag_info.size())) || !valid_tag_name(in.name())) {
    return fail(ErrorCode::kDataLoss, "the EMS described a tag in a damaged way");
  }
  return TagInfo{in.id(), TagName(in.name()), in.kind(), in.message(), in.comment(), in.on_unknown_ignore()};
}

std::string address_name(ConnectorId connector, const TagInfo& tag) {
  const char* kind = tag.kind == "classification" ? "CLASS" : tag.kind == "fabric" ? "FABRIC" : "ZTNA";
  return fmt::format("EMS{}_{}_{}", connector, kind, tag.name.str());
}

}  // namespace postern::gateway
