#pragma once
// The telemetry connection of an enrolled agent: a WebSocket over mutual TLS to the first of the EMS's addresses that
// answers. When to connect again is the core's business.
#include <functional>
#include <string>

#include "agent/core/enrolment.h"
#include "net/client.h"
#include "net/loop.h"

namespace postern::agent {

/// Thread: loop.
class EmsLink {
 public:
  struct Events {
    std::function<void()> connected;
    std::function<void(ByteView)> frame;
    std::function<void(std::string reason)> disconnected;  ///< Not after `disconnect`.
  };
  /// `clock` outlives the link.
  EmsLink(net::Loop& loop, const Clock& clock, Events events)
      : loop_(loop), clock_(clock), events_(std::move(events)) {}
  ~EmsLink() { abort(); }
  EmsLink(const EmsLink&) = delete;
  EmsLink& operator=(const EmsLink&) = delete;

  /// Gives up what there is and tries the addresses in turn, the last good one first. `connected` or `disconnected`
  /// follows.
  void connect(const Enrolment& enrolment);
  void send(Bytes bytes);
  void disconnect(const std::string& reason);
  /// The address that is connected, or was last.
  const std::string& address() const { return address_; }

 private:
  void attempt();
  void abort();

  net::Loop& loop_;
  const Clock& clock_;
  Events events_;
  std::vector<std::string> addresses_;
  net::TlsIdentity identity_;
  Sha256 root_key_sha256_{};
  std::size_t tried_ = 0;
  std::string failures_;
  std::string address_;
  std::uint64_t generation_ = 0;  // callbacks of an earlier attempt mean nothing
  net::Handle opening_;
  net::WebSocketPtr socket_;
};

}  // namespace postern::agent
