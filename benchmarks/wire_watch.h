#pragma once
// Sees a change travel: when the agent told the EMS, when the EMS told the gateway, when the gateway ended the session.
// Listens to the packets of a network namespace with the kernel's own times, and disturbs nobody.
#include <optional>
#include <string>
#include <vector>

#include "timing.h"

namespace postern::bench {

struct WireTimes {
  std::optional<Nanos> report;  ///< First telemetry from the agent.
  std::optional<Nanos> ack;     ///< First telemetry from the EMS after it: the change is durable.
  std::optional<Nanos> delta;   ///< First fabric data from the EMS after the report.
  std::optional<Nanos> cut;     ///< First RST or FIN of the access proxy.
};

class WireWatch {
 public:
  struct Ports {
    std::uint16_t telemetry = 0, fabric = 0, proxy = 0;
  };
  /// `netns` is a name under /run/netns; the calling thread is in its own again afterwards. Ends the program on errors.
  WireWatch(const std::string& netns, Ports ports);
  ~WireWatch();
  WireWatch(const WireWatch&) = delete;
  WireWatch& operator=(const WireWatch&) = delete;

  /// Forgets everything seen so far.
  void clear();
  /// What was seen since `start` (CLOCK_MONOTONIC).
  WireTimes since(Nanos start);

 private:
  struct Packet {
    Nanos at = 0;
    std::uint16_t source = 0, target = 0;
    std::uint8_t flags = 0;
    std::size_t payload = 0;
  };
  bool next(Packet& packet);

  int fd_ = -1;
  Ports ports_;
};

/// The calling thread moves into this namespace. Ends the program on errors.
void enter_namespace(const std::string& netns);

}  // namespace postern::bench
