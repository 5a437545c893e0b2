#pragma once
// Messages on their way to a syslog server, on a thread of their own: whoever adds one never waits for the server.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/ip.h"

namespace postern::gateway::syslog {

struct Target {
  std::string server;           ///< Name or address.
  std::uint16_t port = 514;
  bool reliable = false;        ///< TCP, octet counting (RFC 6587, 3.4.1). Else UDP, a datagram each (RFC 5426).
  IpAddress source;             ///< Address to send from; not valid: the kernel's choice.
  friend bool operator==(const Target&, const Target&) = default;
};

/// What is added waits in bounded room until it is sent; what finds no room is dropped and counted, so that of an outage
/// the beginning is kept. Connections that fail are tried again, at growing intervals; the message that was under way
/// is sent again, whole. (What a server that dies had taken and not yet written is lost with it: syslog has no answers.)
///
/// Thread: one for all of it; the network has its own.
class Sender {
 public:
  struct Options {
    std::size_t max_queued = 1u << 20;      ///< Bytes waiting; as much again may be under way.
    Millis backoff_min{250};
    Millis backoff_max{10'000};
    Millis connect_timeout{5'000};
    Millis stall_timeout{30'000};           ///< A server that takes nothing for so long is left.
    Millis last_words{500};                 ///< What is left may take this long after `end`.
  };

  Sender(Target target, const Options& options);
  /// `end` without waiting: what is left is still sent, as far as that is quick.
  ~Sender();
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;

  /// Kept until `flush`: a batch costs one lock and one wake-up.
  void add(std::string_view message);
  void flush();
  /// For an orderly end of the program: waits until what is left is sent, last_words at most.
  void end();

  struct Counters {
    std::uint64_t sent = 0;      ///< Given to the kernel.
    std::uint64_t dropped = 0;   ///< No room, or refused by the kernel for its size.
    std::uint64_t queued = 0;    ///< Bytes waiting.
  };
  Counters counters() const;

  /// What waits and isn't under way yet, for another sender's `take_over`; this one sends nothing more of it.
  std::string give_back();
  void take_over(std::string_view waiting);
  /// How many messages those are.
  static std::uint64_t count(std::string_view waiting);

  /// What keeps messages from being sent now, for a person; empty: nothing that is known.
  std::string trouble() const;

 private:
  struct State;
  static void run(const std::shared_ptr<State>& state);

  std::shared_ptr<State> state_;  // shared with the thread, which may outlive this in a look-up of names
  std::string pending_;
};

}  // namespace postern::gateway::syslog
