#pragma once
// What the EMS knows, as plain values. Each type is one table of the store; `registry/codec.h` turns them into its rows.
// All of it is only changed inside EmsCore; everybody else reads.
#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/ip.h"
#include "base/sha256.h"
#include "ems/registry/feed.h"
#include "ems/registry/posture_table.h"
#include "ems/registry/risk.h"
#include "posture/fact.h"
#include "posture/on_fabric.h"
#include "posture/tag.h"
#include "posture/tag_sets.h"
#include "proto/destinations.h"

namespace postern::ems {

/// Position in the change log: the number of its newest change. 0: nothing was ever changed.
using Revision = std::uint64_t;

/// A client certificate that this EMS issued. Newest first in an endpoint; two, and never more, around a renewal.
struct IssuedCertificate {
  Sha256 sha256{};         ///< Of the DER.
  Sha256 key_sha256{};     ///< Of the SubjectPublicKeyInfo.
  CertSerial serial;
  WallTime not_before{};
  WallTime not_after{};
  Bytes der;
  /// A newer one was used: telemetry takes this one no more, gateways let it in until then (docs/adr/0023).
  std::optional<WallTime> ends = {};

  WallTime usable_until() const { return ends ? std::min(*ends, not_after) : not_after; }
  friend bool operator==(const IssuedCertificate&, const IssuedCertificate&) = default;
};

enum class Registration : std::uint8_t {
  kRegistered,
  kDeregistered,  ///< By an administrator or by the agent; its certificates are refused.
  kRevoked,       ///< Its certificates were revoked; it has to enrol again with a new key.
};
std::string_view registration_name(Registration registration);  ///< "registered", "deregistered", "revoked".

/// What the vulnerability matcher made of an endpoint's inventory.
struct VulnerabilityState {
  posture::VulnerabilityCounts counts;
  std::uint32_t total = 0;                   ///< Distinct open CVEs.
  std::optional<std::uint32_t> exploited;    ///< Of them in CISA's catalogue; none: no such feed is in use.
  std::optional<std::uint32_t> max_cvss;     ///< Tenths; none: no open CVE has a score.
  std::optional<std::uint32_t> max_epss;     ///< Per 10,000; none: no open CVE has one.
  std::map<std::string, bool> asked_cves;    ///< Those that rules ask for: open or not.
  /// When it was last matched. Exact in memory; feeds that say the same as before move it without a write of its own.
  WallTime scanned_at{};
  friend bool operator==(const VulnerabilityState&, const VulnerabilityState&) = default;
};

/// A tag that the rules no longer give and that its loss_delay keeps.
struct HeldTag {
  posture::TagId tag = 0;
  WallTime until{};
  friend bool operator==(const HeldTag&, const HeldTag&) = default;
};

/// What somebody outside knows of an endpoint: a score of another product, an asset's owner. Set through the API.
struct Attribute {
  std::variant<bool, std::int64_t, std::string> value;
  WallTime set_at{};
  std::string set_by;
  std::optional<WallTime> expires_at;  ///< From then on it is unknown, stale.
  friend bool operator==(const Attribute&, const Attribute&) = default;
};

/// Everything about an endpoint. Its facts are what the agent reported and, under "ems.", what the EMS adds.
struct Endpoint {
  EndpointUid uid;
  Registration registration = Registration::kRegistered;
  WallTime unregistered_at{};        ///< When its registration ended; 0: it has not, or nobody noted when.
  bool online = false;               ///< Heard within the offline timeout.
  bool quarantined = false;
  std::string quarantine_reason;
  std::string profile;               ///< Endpoint profile's name.
  std::string invitation;            ///< Id of the invitation it enrolled by.
  WallTime enrolled_at{};
  WallTime last_seen{};              ///< Exact in memory, coalesced in the store.
  IpAddress public_ip;               ///< Source of the last telemetry connection.
  // As said when enrolling; quarantine follows these and what facts say.
  std::string enrolled_host_name;
  std::string machine_id;
  std::string hardware_uuid;
  std::vector<MacAddress> macs;
  std::vector<IssuedCertificate> certificates;
  std::optional<Sha256> inventory;   ///< Content address of its package inventory.
  WallTime inventory_received_at{};  ///< When it last came, or was said to be the same. Zero: never.
  std::optional<VulnerabilityState> vulnerabilities;  ///< None: unknown.
  // Where its telemetry stands.
  std::uint64_t run_id = 0;
  std::uint64_t acked_seq = 0;
  /// Another run of its agent came and has reported nothing yet: until when what is known was confirmed.
  std::optional<WallTime> confirmed;

  EndpointPosture in_table;          ///< Its facts and tags; of a copy too, as they are now.
  std::vector<HeldTag> held;                     ///< By tag.
  std::vector<posture::TagId> classifications;   ///< Given by hand, ascending.
  std::map<std::string, Attribute> attributes;   ///< By name.
  Millis excused{0};                             ///< Of its silence: time in which the EMS could not have heard it.

  /// Until when it is certain that what its agent reported held, were it heard at no time since.
  WallTime confirmed_until() const { return confirmed.value_or(last_seen + excused); }
  bool registered() const { return registration == Registration::kRegistered; }
  posture::Slot slot() const { return in_table.slot(); }
  posture::FactMap facts() const { return in_table.facts(); }
  std::optional<posture::Fact> fact(std::string_view key) const { return in_table.fact(key); }
  template <class T>
  std::optional<T> known(std::string_view key) const {
    return in_table.known<T>(key);
  }
  posture::TagSets tags() const { return in_table.tags(); }
  posture::TagState tag(posture::TagId id) const { return in_table.tag(id); }
};

struct Tag {
  posture::TagId id = 0;             ///< Never reused.
  posture::TagDefinition definition;
  WallTime updated_at{};
  std::string updated_by;
  friend bool operator==(const Tag&, const Tag&) = default;
};

struct Invitation {
  std::string id;                    ///< "INV-" + 8 characters; not secret.
  Sha256 code_sha256{};              ///< The code itself is not kept.
  std::string note;
  std::string created_by;
  WallTime created_at{};
  WallTime expires_at{};
  std::uint32_t max_uses = 1;        ///< At least 1.
  std::uint32_t uses = 0;
  bool revoked = false;
  friend bool operator==(const Invitation&, const Invitation&) = default;
};

enum class DeviceState : std::uint8_t { kPending, kAuthorised, kDenied, kConflict };
std::string_view device_state_name(DeviceState state);  ///< "pending", "authorised", "refused", "conflict".

enum class EndpointSharing : std::uint8_t { kConnected, kAll, kSelected };
std::string_view endpoint_sharing_name(EndpointSharing sharing);  ///< "connected", "all", "selected".
std::optional<EndpointSharing> parse_endpoint_sharing(std::string_view name);

struct DeviceInterface {
  std::string name;
  MacAddress mac;
  std::vector<std::string> addresses;  ///< "10.0.1.1/24".
  friend bool operator==(const DeviceInterface&, const DeviceInterface&) = default;
};

/// A gateway as the EMS sees it.
struct FabricDevice {
  GatewaySerial serial;
  DeviceState state = DeviceState::kPending;
  std::optional<Sha256> pinned_key;  ///< SubjectPublicKeyInfo that was authorised; none before.
  Sha256 offered_key{};              ///< The one that connected last.
  std::string host_name;
  std::string version;
  std::string management_url;
  std::string alias;
  IpAddress address;                 ///< Where it connected from last.
  std::vector<posture::TagKind> tag_kinds{posture::TagKind::kSecurity};  ///< Shared; security always is.
  EndpointSharing endpoint_sharing = EndpointSharing::kConnected;
  std::vector<GatewaySerial> selected;  ///< For kSelected: whose endpoints, beside its own. At most 4.
  std::vector<DeviceInterface> interfaces;  ///< As it last reported them.
  WallTime first_seen{};
  WallTime authorised_at{};
  std::string authorised_by;
  friend bool operator==(const FabricDevice&, const FabricDevice&) = default;
};

struct Profile {
  std::string name;                  ///< "Default" always exists.
  bool show_tags = false;            ///< Show Security Posture Tag on the agent's window.
  bool vulnerability_scan = true;
  Seconds inventory_interval{3600};  ///< 60 s .. 7 days.
  std::string comment;
  posture::DetectionSets on_fabric = {};  ///< When an endpoint counts as on-fabric; empty: nobody can tell.
  std::vector<proto::ZtnaDestination> destinations = {};  ///< What its agents carry TCP connections to.
  friend bool operator==(const Profile&, const Profile&) = default;
};
inline constexpr std::string_view kDefaultProfile = "Default";

enum class AdministratorRole : std::uint8_t { kAdmin, kReadonly };
std::string_view administrator_role_name(AdministratorRole role);  ///< "admin", "readonly".
std::optional<AdministratorRole> parse_administrator_role(std::string_view name);

struct Administrator {
  std::string name;
  AdministratorRole role = AdministratorRole::kAdmin;
  std::string password_hash;         ///< Argon2id, libsodium's text form. Never leaves the API layer.
  bool must_change_password = false; ///< Nothing else is allowed to sessions until it was.
  bool disabled = false;             ///< May not sign in; sessions and tokens are refused.
  WallTime created_at{};
  friend bool operator==(const Administrator&, const Administrator&) = default;
};

struct ApiToken {
  std::string id;                    ///< Not secret.
  Sha256 token_sha256{};             ///< The token itself is not kept.
  std::string name;
  std::string user;                  ///< The administrator who made it; it can do no more than this one.
  AdministratorRole role = AdministratorRole::kAdmin;
  WallTime created_at{};
  std::optional<WallTime> expires_at;
  friend bool operator==(const ApiToken&, const ApiToken&) = default;
};

/// A certificate for the web server. Exactly one is selected.
struct ServerCertificate {
  std::string name;
  std::string chain_pem;             ///< Leaf first.
  std::string key_pem;               ///< Never leaves the EMS.
  bool selected = false;
  bool built_in = false;             ///< Made at first start, signed by the EMS root key; can't be deleted.
  WallTime added_at{};
  friend bool operator==(const ServerCertificate&, const ServerCertificate&) = default;
};

struct AuditEntry {
  std::uint64_t id = 0;
  WallTime at{};
  std::string actor;                 ///< "admin", "token:<id> (admin)", "agent <uid>", "gateway <serial>", "ems".
  std::string source;                ///< Address it came from; may be empty.
  std::string action;                ///< Stable dotted id: "endpoint.quarantine".
  std::string object;                ///< What it was done to.
  std::string detail;                ///< For people. No secrets.
};

/// One numbered change.
struct Change {
  Revision revision = 0;
  WallTime at{};
  std::string kind;                  ///< "endpoint", "facts", "endpoint_tags", "tag", "fabric_device", "profile", …
  std::string key;                   ///< UID, tag name, serial, …
  std::string json;                  ///< What changed, an object; for people and scripts.
};

}  // namespace postern::ems
