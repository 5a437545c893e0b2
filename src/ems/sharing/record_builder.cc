#include "ems/sharing/record_builder.h"

#include "ems/registry/query.h"
#include "posture/fact_keys.h"
#include "wire/fabric.pb.h"

namespace postern::ems {
namespace {

namespace keys = posture::keys;
using wire::EndpointRecord;

struct TextLine {
  std::string_view key;
  void (*set)(EndpointRecord&, std::string);
};
constexpr TextLine kTextLines[] = {
    {keys::kAgentVersion, [](EndpointRecord& r, std::string v) { r.set_agent_version(std::move(v)); }},
    {keys::kAvDbVersion, [](EndpointRecord& r, std::string v) { r.set_av_db_version(std::move(v)); }},
    {keys::kAppSignatureVersion, [](EndpointRecord& r, std::string v) { r.set_app_signature_version(std::move(v)); }},
    {keys::kVulnEngineVersion, [](EndpointRecord& r, std::string v) { r.set_vuln_engine_version(std::move(v)); }},
    {keys::kOsType, [](EndpointRecord& r, std::string v) { r.set_os_type(std::move(v)); }},
    {keys::kOsVersion, [](EndpointRecord& r, std::string v) { r.set_os_version(std::move(v)); }},
    {keys::kHostDescription, [](EndpointRecord& r, std::string v) { r.set_host_description(std::move(v)); }},
    {keys::kDomain, [](EndpointRecord& r, std::string v) { r.set_domain(std::move(v)); }},
    {keys::kLastLoginUser, [](EndpointRecord& r, std::string v) { r.set_last_login_user(std::move(v)); }},
    {keys::kOwner, [](EndpointRecord& r, std::string v) { r.set_owner(std::move(v)); }},
    {keys::kHostModel, [](EndpointRecord& r, std::string v) { r.set_host_model(std::move(v)); }},
    {keys::kHostManufacturer, [](EndpointRecord& r, std::string v) { r.set_host_manufacturer(std::move(v)); }},
    {keys::kCpuModel, [](EndpointRecord& r, std::string v) { r.set_cpu_model(std::move(v)); }},
    {keys::kAvatarSource, [](EndpointRecord& r, std::string v) { r.set_avatar_source(std::move(v)); }},
};

struct FeatureLine {
  std::string_view key;
  void (*set)(EndpointRecord&, wire::Feature);
};
constexpr FeatureLine kFeatureLines[] = {
    {keys::kEmsOnFabric, [](EndpointRecord& r, wire::Feature f) { r.set_on_fabric(f); }},
    {keys::kFeatureAv, [](EndpointRecord& r, wire::Feature f) { r.set_av_feature(f); }},
    {keys::kFeatureFirewall, [](EndpointRecord& r, wire::Feature f) { r.set_fw_feature(f); }},
    {keys::kFeatureWebFilter, [](EndpointRecord& r, wire::Feature f) { r.set_wf_feature(f); }},
    {keys::kFeatureAntiSpam, [](EndpointRecord& r, wire::Feature f) { r.set_as_feature(f); }},
    {keys::kFeatureVulnScan, [](EndpointRecord& r, wire::Feature f) { r.set_vs_feature(f); }},
    {keys::kFeatureVpn, [](EndpointRecord& r, wire::Feature f) { r.set_vn_feature(f); }},
};

void add_network(const Endpoint& e, EndpointRecord& r) {
  if (const auto interfaces = e.known<std::vector<posture::Interface>>(keys::kInterfaces)) {
    for (const auto& i : *interfaces) {
      if (!i.up) continue;
      auto& out = *r.add_interfaces();
      out.set_name(i.name);
      out.set_mac(i.mac.packed());
      for (const auto& a : i.addresses) out.add_addresses(a.packed());
      out.set_up(true);
    }
  }
  if (const auto routes = e.known<std::vector<posture::Route>>(keys::kRoutes)) {
    for (const auto& route : *routes) {
      auto& out = *r.add_routes();
      out.set_interface(route.interface);
      out.set_gateway_ip(route.gateway_ip.packed());
      out.set_gateway_mac(route.gateway_mac.packed());
      out.set_local_ip(route.local_ip.packed());
      out.set_vpn(route.vpn);
      out.set_metric(route.metric);
    }
  }
}

void add_vulnerabilities(const VulnerabilityState& v, EndpointRecord& r) {
  r.set_vuln_scanned_ms(to_unix_ms(v.scanned_at));
  auto& out = *r.mutable_vulnerabilities();
  out.set_critical(v.counts.critical);
  out.set_high(v.counts.high);
  out.set_medium(v.counts.medium);
  out.set_low(v.counts.low);
  out.set_info(v.counts.info);
  out.set_unknown(v.counts.unknown);
}

void add_known(const Endpoint& e, const posture::TagSets& tags, const RecordContext& context, EndpointRecord& r) {
  r.set_public_ip(e.public_ip.packed());
  r.set_quarantined(e.quarantined);
  r.set_online(e.online);
  r.set_host_name(host_name(e));
  for (const auto& line : kTextLines) {
    if (auto text = e.known<std::string>(line.key)) line.set(r, std::move(*text));
  }
  for (const auto& line : kFeatureLines) {
    if (const auto flag = e.known<bool>(line.key)) {
      line.set(r, *flag ? wire::FEATURE_PRESENT : wire::FEATURE_ABSENT);
    }
  }
  if (const auto memory = e.known<std::int64_t>(keys::kMemoryMb); memory && *memory > 0) {
    r.set_memory_mb(static_cast<std::uint64_t>(*memory));
  }
  r.set_vuln_received_ms(to_unix_ms(e.inventory_received_at));
  if (e.vulnerabilities) add_vulnerabilities(*e.vulnerabilities, r);
  add_network(e, r);
  const auto shared = [&](posture::TagId tag) {
    return context.shared == nullptr || context.shared(context.context, tag);
  };
  for (const auto tag : tags.has()) {
    if (shared(tag)) r.add_tags(tag);
  }
  for (const auto tag : tags.unknown()) {
    if (shared(tag)) r.add_unknown_tags(tag);
  }
}

}  // namespace

std::string build_view_entry(const Endpoint& e, const posture::TagSets& tags, const RecordContext& context,
                             const ShareReasons& why) {
  wire::ViewEntry entry;
  auto& r = *entry.mutable_record();
  r.set_uid(e.uid.str());
  r.set_ems_serial(context.serial.str());
  r.set_tenant_id(context.tenant.str());
  for (const auto& c : e.certificates) {
    auto& out = *r.add_certificates();
    out.set_sha256(std::string(as_text(c.sha256)));
    out.set_serial(c.serial.str());
    out.set_not_after_ms(to_unix_ms(c.usable_until()));
  }
  r.set_registered(e.registered());
  if (e.registered()) {
    add_known(e, tags, context, r);
  } else {
    r.set_blocked(true);
  }
  entry.set_share_connected(why.connected);
  entry.set_share_all(why.all);
  entry.set_share_selected(why.selected);
  entry.set_asked(why.asked);
  return entry.SerializeAsString();
}

std::string build_tag_info(const Tag& tag) {
  wire::TagInfo info;
  info.set_id(tag.id);
  info.set_name(tag.definition.name.str());
  info.set_kind(std::string(posture::tag_kind_name(tag.definition.kind)));
  info.set_message(tag.definition.message);
  info.set_on_unknown_ignore(tag.definition.on_unknown == posture::OnUnknown::kIgnore);
  info.set_comment(tag.definition.comment);
  return info.SerializeAsString();
}

}  // namespace postern::ems
