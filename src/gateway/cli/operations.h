#pragma once
// What the command line asks of the running gateway; the gateway's core implements it, tests use a fixture. Thread: loop.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/ip.h"
#include "base/result.h"
#include "base/sha256.h"
#include "gateway/addresses/matched.h"
#include "gateway/addresses/resolver.h"
#include "gateway/config/revisions.h"
#include "gateway/config/tree.h"
#include "gateway/metrics/exposition.h"
#include "gateway/records/record.h"

namespace postern::gateway::cli {

/// One configured connector, as `diagnose test application fcnacd 2` shows it.
struct ConnectorStatus {
  ConnectorId id = 0;
  std::string name;
  bool certificate_accepted = false;   ///< An administrator accepted one.
  bool certificate_changed = false;    ///< The EMS shows another than that: stopped.
  bool confirmed() const { return certificate_accepted && !certificate_changed; }
  EmsSerial ems_serial;                ///< As the EMS said; empty: never connected.
  TenantId tenant;
  bool capabilities_known = false;     ///< "verified capabilities".
  bool identity_verified = false;      ///< The EMS proved the accepted key in this connection.
  std::optional<Sha256> ztna_key;      ///< SHA-256 of the ZTNA CA's public key (SPKI).
  /// "connected", "connecting", "disconnected", "pending" (not authorised yet), "stopped: …": printed as it stands.
  std::string channel_state = "disconnected";
  std::string authorise_url;           ///< The EMS's page on which this gateway is authorised; empty: not told yet.
  unsigned out_interface = 0;          ///< Index of the interface bound to; 0: the kernel's choice.
  std::optional<WallTime> stale_since; ///< Set while the records are past the out-of-sync threshold.
};

/// One of an endpoint's default routes.
struct RouteView {
  IpAddress ip;                        ///< The endpoint's address on it.
  MacAddress mac;                      ///< Likewise.
  bool vpn = false;
  std::string interface;               ///< Ours that it leads to; empty: it leads to somebody else.
  GatewaySerial serial;                ///< Ours, likewise.
};

/// An endpoint among the matched endpoints, with what only this gateway knows of it; see cli/endpoint_view.h.
struct EndpointView {
  Record record;
  IpAddress ip;                        ///< The address it reaches us from, else the one it reported first.
  MacAddress mac;
  std::vector<MacAddress> other_macs;
  std::string gateway_interface;       ///< Ours that is its default gateway; empty: none.
  std::vector<RouteView> routes;
};

/// Why an endpoint that this gateway holds a record of is, or is not, among the matched endpoints and the resolved
/// addresses.
struct EndpointTrace {
  EndpointView endpoint;
  bool matched = false;
  MatchReason match_reason = MatchReason::kSharedOnly;
  std::string match_text;              ///< Why (not): "its default gateway is port1".
  std::vector<IpAddress> resolved;     ///< Its addresses that are resolved.
  ResolveReason resolve_reason = ResolveReason::kNoAddress;
  std::string resolve_text;            ///< Why there is none: "nobody on the network answers for …"; else "resolved".
  struct Address {
    IpAddress ip;
    ResolveReason reason = ResolveReason::kNoAddress;
    std::string interface;             ///< Ours on whose network it is; empty: none.
    MacAddress answers;                ///< Who answers for it there; not valid: nobody, or nobody was asked.
    std::vector<RecordKey> others;     ///< Other endpoints that claim it.
  };
  std::vector<Address> addresses;      ///< Each that it reports, apart from loopback and link-local ones.
  struct Tag {
    enum class State { kHas, kUnknown, kHasNot };
    std::string name;                  ///< "EMS1_ZTNA_Vulnerable-Device".
    State state = State::kUnknown;
    std::string tag = {};              ///< "Vulnerable-Device".
    std::string kind = {};             ///< "security", "classification", "fabric".
  };
  std::vector<Tag> tags;               ///< Every tag of its EMS.
  bool stale = false;                  ///< What its EMS said is too old to grant anything.
  std::optional<WallTime> confirmed_at;  ///< When its EMS last confirmed what it says; none since this program began.
  std::int64_t sessions = 0;           ///< Live ones through access proxies.
  bool expired = false;                ///< It has client certificates, and none is valid any more.
};

/// What a gateway knows of an address, whoever has it.
struct AddressView {
  std::string own_interface;           ///< Ours that has it; empty: it is not ours.
  bool reserved = false;               ///< Of what the gateway depends on: an EMS, a next hop, a real server.
  std::string network;                 ///< Our interface on whose network it is; empty: none, it is behind a router.
  std::optional<Neighbour> neighbour;  ///< What that network said; none: nobody has asked or heard.
};

/// What came of asking an EMS for everything anew.
struct EmsAnswer {
  ConnectorId id = 0;
  std::string name;
  std::string trouble;                 ///< Not asked, or not answered: why, and what to do. Empty: it answered.
  std::uint64_t revision = 0;          ///< Where its change log stands.
  std::size_t endpoints = 0, tags = 0; ///< What it tells this gateway.
  std::chrono::microseconds took{};
};

/// What an EMS says of a certificate.
struct CertificateReply {
  enum class State { kFound, kRevoked, kUnknown, kNoAnswer };
  ConnectorId id = 0;
  std::string name;
  State state = State::kNoAnswer;
  EndpointUid uid;                     ///< kFound, kRevoked: whose it is.
  std::string trouble;                 ///< kNoAnswer: why, and what to do.
};

/// Connections through an access proxy that are open and whose certificate got access: those of one certificate, from one
/// address, together.
struct SessionView {
  std::string id;                      ///< 12 hex digits; the same as long as nothing below but `connections` changes.
  Sha256 leaf{};
  EndpointUid uid;                     ///< Empty: its record is here no longer.
  std::string host_name;
  ConnectorId connector = 0;           ///< Its EMS; 0: as uid.
  EmsSerial ems_serial;
  std::string access_proxy;            ///< Empty: it is not configured any more.
  IpAddress source;
  std::string kind;                    ///< "http1", "http2", "websocket", "grpc", "tcp-forwarding"; empty: not known.
  std::int64_t connections = 0;
  std::string destination = {};        ///< Of forwarded TCP connections, "host:port".
};

/// A server behind an access proxy, for one mapping.
struct RealServerView {
  std::string access_proxy;
  std::uint32_t api_gateway = 0;
  std::string method;                  ///< "weighted".
  std::string server;                  ///< "10.0.3.10:8080".
  bool standby = false;
  unsigned weight = 1;
  std::string host;                    ///< With http-host: whose requests it takes.
  std::string check;                   ///< "ping", "http", "tcp-connect"; "none": it isn't checked.
  std::string state;                   ///< "up", "down", "held down", "unknown".
  std::string why;                     ///< What the last check found; empty: there was none.
  WallTime since{};                    ///< Of the state.
  bool takes_requests = false;
  std::uint64_t requests = 0;          ///< That it was given since the gateway began to count.
  std::uint64_t failures = 0;          ///< Of them: it could not be reached, or broke off before it answered.
  std::uint64_t in_use = 0;            ///< Requests that it has now.
};

/// Which sessions an administrator ends.
struct SessionChoice {
  enum class By { kAll, kId, kEndpoint, kPolicy, kAccessProxy };
  By by = By::kAll;
  std::string value;                   ///< A session's id, a UID or host name, a policy's number, an access proxy's name.
};
struct ClearedSessions {
  std::uint64_t ended = 0;             ///< Connections; by policy: requests.
  std::size_t silent = 0;              ///< nginx's workers that didn't say in time what they did.
};

/// A tag's dynamic address with the addresses that are in it now.
struct DynamicAddress {
  std::string name;                    ///< "EMS1_ZTNA_Vulnerable-Device".
  std::string tag;                     ///< "Vulnerable-Device".
  std::uint32_t id = 0;                ///< The EMS's number.
  std::vector<IpAddress> addresses;
};

/// The certificate that an EMS shows, for a person to accept or refuse.
struct PresentedCertificate {
  std::string subject, issuer;         ///< One-line distinguished names.
  WallTime not_before{}, not_after{};
  std::string serial;                  ///< Upper-case hex.
  Sha256 fingerprint{};                ///< SHA-256 of the DER.
  bool accepted = false;               ///< It is the one accepted before.
  std::optional<Sha256> accepted_before;  ///< The one accepted until now; empty: none.
  EmsSerial ems_serial;                ///< Of the EMS, as it said itself when it was last connected; empty: never.
  TenantId tenant;
  EmsSerial pinned_serial;             ///< Of the EMS that was known here until now; empty: none.
  TenantId pinned_tenant;
  bool other_ems = false;              ///< They differ: the connector is stopped until an administrator decides.
};

/// What an administrator takes an EMS to be from now on.
struct Acceptance {
  Sha256 fingerprint{};                ///< Of the certificate that it shows.
  EmsSerial serial;                    ///< Empty: the one known here until now.
  TenantId tenant;                     ///< Likewise.
  friend bool operator==(const Acceptance&, const Acceptance&) = default;
};

/// A request of the past, as the traffic log has it.
struct PastRequest {
  std::uint32_t proxy = 0;
  std::optional<Sha256> leaf;          ///< Of a certificate that verified.
  bool invalid_certificate = false;    ///< It showed one that didn't.
  IpAddress source;
  std::string interface;               ///< By which it came; empty: not known.
  std::string host, path;
};

/// What would become of it now, and what each policy says to it.
struct DecisionAgain {
  bool allowed = false;
  std::uint32_t policy = 0;            ///< The one that decides; 0: none.
  std::string reason;                  ///< Refused: "065 (missing_tag)".
  std::string reason_text;
  bool endpoint_known = false;
  std::vector<std::string> tags, unknown_tags;  ///< The endpoint's, of those that policies name; ascending.
  struct Policy {
    std::uint32_t id = 0;
    std::string name;
    bool accepts = false;
    std::string says;                  ///< "does not match: the endpoint lacks EMS1_ZTNA_x".
  };
  std::vector<Policy> policies;        ///< Of the access proxy that are in force, in order.
};

/// A part of the gateway, and whether it does its work.
struct PartHealth {
  enum class State { kOk, kOff, kFailed };
  std::string part;                    ///< "Access proxies".
  State state = State::kOk;
  std::string text;                    ///< kFailed: what is wrong and what to do. Otherwise more about it, or nothing.
};
const char* health_word(PartHealth::State state);  ///< "OK", "OFF", "FAILED".

struct SystemStatus {
  std::string version;
  GatewaySerial serial;
  std::string hostname;
  Sha256 device_key{};                 ///< SHA-256 of the device's public key: what the EMS's administrator compares.
  std::uint64_t live_sessions = 0;
  std::uint64_t dropped_events = 0;    ///< What nginx's workers had to tell and found no room for.
  std::uint64_t lost_log_lines = 0;    ///< Lines of the traffic log that the disk did not take.
};

class GatewayOperations {
 public:
  virtual ~GatewayOperations() = default;

  /// Every connector configured, ascending by id.
  virtual std::vector<ConnectorStatus> connectors() = 0;
  virtual std::vector<EndpointView> matched_endpoints() = 0;  ///< In a stable order.
  /// Of each endpoint that this gateway holds a record of, matched or not, and that is wanted; in a stable order.
  virtual std::vector<EndpointTrace> endpoint_traces(const std::function<bool(const EndpointView&)>& wanted) = 0;
  virtual std::vector<SessionView> sessions() = 0;  ///< By access proxy, then address, then certificate.
  virtual std::vector<RealServerView> real_servers() = 0;  ///< By access proxy, API gateway, and as they are listed.
  using Cleared = std::function<void(Result<ClearedSessions>)>;
  /// Ends sessions at once; `done` never inside this call if it is well. Errors: kNotFound (no session fits),
  /// kInvalidArgument.
  virtual void clear_sessions(const SessionChoice& which, const std::string& administrator, Cleared done) = 0;
  virtual std::vector<DynamicAddress> dynamic_addresses() = 0;  ///< Ascending by connector and id.
  virtual std::vector<std::string> tags_not_shared() = 0;  ///< Names that policies use and no EMS has shared, ascending.
  virtual AddressView address(const IpAddress& ip) = 0;
  virtual std::vector<LocalInterface> own_interfaces() = 0;  ///< As every EMS is told them.
  virtual SystemStatus system_status() = 0;
  /// Everything that is counted and measured here, for a monitoring system.
  virtual std::string expose_metrics(metrics::Format format) = 0;
  virtual std::vector<PartHealth> health() = 0;  ///< Each part once, in a stable order.
  /// What keeps the configuration in force from taking effect at this moment, although it is valid: a port that another
  /// program holds. One sentence each, with what to do.
  virtual std::vector<std::string> obstacles() = 0;
  /// What is true now of an object and is not configured: the kernel's values of an interface ("ip", "mac", "status"),
  /// a connector's "capabilities", "dirty-reason", "verifying-ca". By attribute; attributes left out have no value.
  virtual std::map<std::string, config::Value> live_values(const config::ObjectPath& path) = 0;
  /// Names of the kernel's interfaces, so that `get system interface` lists those never configured.
  virtual std::vector<std::string> interface_names() = 0;

  /// Callbacks come on the loop, at once or later, exactly once, and not after `cancel`led by destroying the session
  /// (implementations may keep them: the session guards itself).
  using Done = std::function<void(Status)>;
  /// A whole attempt: connect, TLS, identity. The error says what failed.
  virtual void test_connectivity(ConnectorId id, Done done) = 0;
  using Presented = std::function<void(Result<PresentedCertificate>)>;
  /// Asks the EMS for its certificate and trusts nothing by it.
  virtual void present_certificate(ConnectorId id, Presented done) = 0;
  /// Accepts exactly the certificate with this fingerprint: the implementation makes sure that the EMS shows it, and
  /// commits `certificate-fingerprint` and `certificate-issuer-key` of the connector, and `serial-number` and `tenant-id`
  /// if they are given. kConflict: it shows another, or says that it is another EMS; then nothing changes.
  /// `who` did it, for the history.
  virtual void accept_certificate(ConnectorId id, const Acceptance& acceptance, const config::Author& who, Done done) = 0;
  /// Takes the acceptance back, also that by `certificate-remote`: the connection ends.
  virtual Status forget_certificate(ConnectorId id, const config::Author& who) = 0;

  /// Each connector configured, ascending by id.
  using Answered = std::function<void(std::vector<EmsAnswer>)>;
  /// Asks each connected EMS for everything that it tells this gateway. What is held stays until the answer is there.
  virtual void refresh_connectors(Answered done) = 0;
  /// Drops each connection and opens it anew. What the EMSs said before stays in force, as in an outage.
  virtual void restart_connectors(Answered done) = 0;
  using Replied = std::function<void(std::vector<CertificateReply>)>;
  /// Asks every EMS whose certificate this is. Nobody gets into any list by it.
  virtual void ask_about_certificate(const Sha256& leaf, Replied done) = 0;

  using Found = std::function<void(Result<std::string>)>;
  /// The traffic log's line (JSON) of the denial or cut with this id. Errors: kInvalidArgument, kNotFound.
  virtual void find_denial(std::string id, Found done) = 0;

  /// Judges it by the policies and records of now. Errors: kNotFound (its access proxy is gone).
  virtual Result<DecisionAgain> decide_again(const PastRequest& request) = 0;

  /// What `config` would make of the firewall for the addresses and tags of now, as nftables' commands; or where that
  /// differs from what the kernel holds (empty: nowhere). Errors: kUnavailable (no firewall), those of firewall/listing.h.
  virtual void firewall_ruleset(const config::ConfigTree& config, bool difference, Found done) = 0;

  /// Runs `blocking` (the hashing of a password) on a worker thread, then `done` on the loop. `blocking` must not refer to
  /// anything that the gateway owns: it may still run when the gateway ends; `done` is then not called.
  virtual void offload(std::function<void()> blocking, std::function<void()> done) = 0;
};

}  // namespace postern::gateway::cli
