#pragma once
// The EMS's end of one telemetry connection, without sockets and clocks: an agent's bytes in, checked events out, and
// the frames that answer them. What an event means (who may say it, what is stored) is decided above. Thread: one.
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/hex.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/sha256.h"
#include "posture/fact.h"

namespace postern::proto {

namespace telemetry {

inline constexpr std::size_t kMaxFrame = 8u << 20;
inline constexpr std::size_t kMaxFactsPerReport = 8192;
inline constexpr std::size_t kMaxFactKey = 512;
inline constexpr std::size_t kMaxInventory = 32u << 20;   ///< Inflated.
inline constexpr std::size_t kMaxRequest = 16u << 10;     ///< A signing request.

struct Hello {
  std::string agent_version;
  std::string boot_id;
  std::uint64_t last_acked_seq = 0;
  std::uint64_t probes_version = 0;
  std::uint64_t run_id = 0;
  EndpointUid uid;
};
struct Report {
  std::uint64_t seq = 0;
  bool full = false;
  std::vector<std::pair<std::string, posture::Fact>> facts;  ///< No key twice, none with the EMS's prefix.
  std::vector<std::string> removed;
};
struct InventoryOffer {
  Sha256 hash{};
  WallTime collected_at{};
};
struct Inventory {
  Sha256 hash{};
  std::string text;     ///< Inflated; has this hash.
  std::string zlib;     ///< As it came.
};
struct Keepalive { std::uint64_t seq = 0; };
struct Renew { Bytes csr_der; };
struct Deregister {};  ///< Answered by goodbye(kDeregistered, …) once it is durable.
using Event = std::variant<Hello, Report, InventoryOffer, Inventory, Keepalive, Renew, Deregister>;

struct WelcomeInfo {
  EmsSerial ems_serial;
  TenantId tenant;
  Seconds keepalive{60};
  WallTime now{};
};
struct TagStateEntry {
  std::string name;
  std::string message;
  bool unknown = false;
};
struct ProfileInfo {
  std::string name;
  bool show_tags = false;
  bool vulnerability_scan = true;
  Seconds inventory_interval{3600};
  std::string destinations = {};  ///< As print_ztna_destinations has them; empty: none.
};

// Reasons of a Goodbye that agents branch on.
inline constexpr std::string_view kDeregistered = "deregistered";      ///< Enrol again.
inline constexpr std::string_view kRefused = "refused";                ///< The certificate does not stand for this.
inline constexpr std::string_view kShuttingDown = "shutting_down";
inline constexpr std::string_view kSuperseded = "superseded";          ///< A newer connection of the same endpoint.
inline constexpr std::string_view kProtocolError = "protocol_error";
inline constexpr std::string_view kUnavailable = "unavailable";        ///< Could not be stored; come back.

}  // namespace telemetry

class TelemetryServer {
 public:
  /// Checks one frame. An error means that the agent broke the protocol: answer `goodbye(kProtocolError, …)` and close;
  /// nothing of the frame counts. Before `welcome` only Hello is taken, afterwards everything but Hello.
  Result<telemetry::Event> on_frame(ByteView bytes);

  /// Accepts the Hello. `acked_seq` is the last report of this run that is durable; `full_report` asks for everything.
  Bytes welcome(const telemetry::WelcomeInfo& info, std::uint64_t acked_seq, bool full_report);
  bool welcomed() const { return welcomed_; }
  /// Asks for an inventory: it alone is taken when it comes.
  Bytes want_inventory(const Sha256& hash);

  static Bytes ack(std::uint64_t seq);
  static Bytes keepalive_ack(std::uint64_t seq);
  static Bytes tag_state(const std::vector<telemetry::TagStateEntry>& tags, bool show, bool quarantined,
                         std::uint64_t revision);
  /// Keys of facts that the agent is to report beside the endpoint record.
  static Bytes probes(std::uint64_t version, const std::vector<std::string>& keys);
  static Bytes profile(const telemetry::ProfileInfo& profile);
  /// Leaf first.
  static Bytes renewed(const std::vector<Bytes>& chain_der);
  static Bytes renewal_refused(const Error& error);
  static Bytes goodbye(std::string_view reason, Millis retry_after, std::string_view message);

 private:
  bool helloed_ = false;
  bool welcomed_ = false;
  bool full_wanted_ = false;
  std::uint64_t last_seq_ = 0;      // of the reports that counted
  bool first_report_ = true;
  std::optional<Sha256> wanted_;
};

}  // namespace postern::proto
