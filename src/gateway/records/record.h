#pragma once
// An endpoint record as this gateway holds it: what an EMS shared of one endpoint, decoded and checked once.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/ip.h"
#include "base/result.h"
#include "base/sha256.h"
#include "posture/fact.h"

namespace postern::gateway {

/// A connector's slot, 1..7: `edit <n>` under `config endpoint-control fctems`.
using ConnectorId = int;

enum class Feature : std::uint8_t { kUnknown, kAbsent, kPresent };

struct ClientCertificate {
  Sha256 sha256{};     ///< Of the DER.
  CertSerial serial;
  WallTime not_after{};
  friend bool operator==(const ClientCertificate&, const ClientCertificate&) = default;
};

struct RecordKey {
  ConnectorId connector = 0;
  EndpointUid uid;
  friend auto operator<=>(const RecordKey&, const RecordKey&) = default;
};

/// Empty strings and zero numbers are "the EMS doesn't know".
struct Record {
  RecordKey key;
  EmsSerial ems_serial;
  TenantId tenant;
  std::vector<ClientCertificate> certificates;  ///< Newest first.
  IpAddress public_ip;                          ///< Where its telemetry comes from.
  bool quarantined = false;
  bool online = false;
  bool registered = false;
  bool blocked = false;  ///< Revoked or deregistered: known, and to be refused.
  Feature on_fabric = Feature::kUnknown;
  std::string agent_version, av_db_version, app_signature_version, vuln_engine_version;
  std::string host_name, os_type, os_version, host_description, domain, last_login_user, owner;
  std::string host_model, host_manufacturer, cpu_model;
  std::uint64_t memory_mb = 0;
  Feature av = Feature::kUnknown, fw = Feature::kUnknown, wf = Feature::kUnknown;
  Feature as = Feature::kUnknown, vs = Feature::kUnknown, vn = Feature::kUnknown;
  std::optional<WallTime> vuln_received, vuln_scanned;
  std::optional<posture::VulnerabilityCounts> vulnerabilities;
  std::string avatar_fingerprint, avatar_username, avatar_email, avatar_source, phone_number;
  std::vector<posture::Interface> interfaces;
  std::vector<posture::Route> routes;
  std::vector<std::uint32_t> tags;          ///< The EMS's tag ids, ascending.
  std::vector<std::uint32_t> unknown_tags;  ///< Likewise; disjoint from tags.
  // Why it is in this gateway's view.
  bool share_connected = false;  ///< Its default gateway is an interface of this gateway.
  bool share_all = false;
  bool share_selected = false;
  bool asked = false;            ///< This gateway met its certificate.

  /// When its last certificate expires; the beginning of time: it has none. Of one that is refused nothing has to be known after it.
  WallTime last_expiry() const;
  std::vector<MacAddress> hardware_addresses() const;
  /// May it be in any address set or be let through at all?
  bool usable() const { return registered && online && !quarantined && !blocked; }
  friend bool operator==(const Record&, const Record&) = default;
};

/// A tag as an EMS describes it.
struct TagInfo {
  std::uint32_t id = 0;  ///< The EMS's number.
  TagName name;
  std::string kind;      ///< "security", "classification", "fabric".
  std::string message;
  std::string comment;
  bool on_unknown_ignore = false;
  friend bool operator==(const TagInfo&, const TagInfo&) = default;
};

/// From the bytes that travelled. Errors: kDataLoss (damaged, or addresses of impossible length).
Result<Record> decode_record(ConnectorId connector, std::string_view view_entry);
Result<TagInfo> decode_tag(std::string_view tag_info);

/// The name of a tag's dynamic address on this gateway: "EMS1_ZTNA_Vulnerable-Device"; classification tags are
/// "EMS1_CLASS_…", fabric tags "EMS1_FABRIC_…".
std::string address_name(ConnectorId connector, const TagInfo& tag);

}  // namespace postern::gateway
