#pragma once
// What others were told is durable: reports that were acknowledged, certificates that were handed out, changes that
// administrators were told are made. An EMS that has begun anew from its store must still hold all of it.
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/sha256.h"
#include "journal.h"
#include "network.h"
#include "posture/fact.h"
#include "promise.h"

namespace postern::sim {

class EmsNode;

/// What became of an endpoint, by administrators' doing.
enum class Fate { kRegistered, kDeregistered, kRevoked, kRemoved };

class Ledger {
 public:
  struct Report {
    std::uint64_t seq = 0;
    bool full = false;
    std::map<std::string, std::optional<posture::FactValue>> facts;  ///< None: removed.
  };

  // What agents were told.
  void enrolled(const EndpointUid& uid, const Sha256& leaf);
  void certificate_given(const EndpointUid& uid, const Sha256& leaf);
  void report_sent(const EndpointUid& uid, ConnectionId connection, Report report);
  void report_acknowledged(const EndpointUid& uid, ConnectionId connection, std::uint64_t seq);

  // What administrators were told.
  struct Endpoint {
    Promise<Fate> fate{Fate::kRegistered};
    Promise<bool> quarantined{false};
    /// Since when it must not be let in; nothing: it may be.
    std::optional<MonoTime> out_since, quarantined_since;
    std::optional<MonoTime> denied_since() const {
      if (out_since && quarantined_since) return std::min(*out_since, *quarantined_since);
      return out_since ? out_since : quarantined_since;
    }

    Sha256 leaf{};  // the newest it was given
    std::map<std::string, posture::FactValue> facts;
    struct Sent {
      ConnectionId connection;
      Report report;
    };
    std::vector<Sent> unacknowledged;
  };
  struct Device {
    Promise<bool> authorised{false};
    Promise<int> sharing{0};
  };
  std::map<EndpointUid, Endpoint> endpoints;
  std::map<GatewaySerial, Device> devices;
  std::map<std::string, Promise<std::string>> tags;  ///< By name; as JSON, empty: there is none.

  /// After the EMS began anew. Violations go to the journal.
  void check(EmsNode& ems, Journal& journal);

 private:
  void check_facts(const EndpointUid& uid, const Endpoint& promised, const posture::FactMap& held,
                   Journal& journal) const;
};

}  // namespace postern::sim
