#pragma once
// The agent's end of TCP forwarding: listens on loopback for each ZTNA destination of its profile and carries each
// connection, by mutual TLS with this endpoint's certificate, to the gateway. Any local user may use a listener: what the
// gateway decides on is the endpoint. Nothing of another machine's reaches it.
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "net/tunnel.h"
#include "proto/destinations.h"

namespace postern::agent {

/// Why something did not reach its destination.
struct ForwardError {
  std::string text;
  std::string denial_id;  ///< Under which the gateway's administrator finds the trace; empty: it has none.
  WallTime at{};
};

/// Of the gateway's answer for a destination: JSON of a denial, a line of text from its forwarder, or a page of something
/// else, which says that TCP is not forwarded there; or why there is none. Pure.
ForwardError refusal_text(const proto::ZtnaDestination& destination, const net::TunnelRefusal& refusal, WallTime at);
/// Of a tunnel that was open. Pure.
std::string end_text(const net::TunnelEnd& end);
/// The port that a destination is listened for on, try by try: the same each time. 20000..29999.
std::uint16_t chosen_port(std::string_view name, unsigned attempt);

/// How many connections may be open at once, of all destinations: each takes open files, and whoever uses them up must not
/// take the agent's way to its EMS. `open_files`: the process's limit. 1..4096. Pure.
std::size_t most_open(std::size_t open_files);

/// Thread: loop.
class Forwarding {
 public:
  /// The certificate as it is now, with its key; nullopt: none.
  using Identity = std::function<std::optional<net::TlsIdentity>()>;
  /// `most_open`: what comes beyond is closed, and told as the destination's error; a destination's own bound is 1,024.
  Forwarding(net::Loop& loop, Clock& clock, Identity identity, std::size_t most_open,
             std::string system_cas = "/etc/ssl/certs/ca-certificates.crt")
      : loop_(loop), clock_(clock), identity_(std::move(identity)), most_open_(most_open), system_cas_(std::move(system_cas)) {}
  ~Forwarding();

  /// From now on these, and no others. What is as it was stays, with its connections.
  void set(const std::vector<proto::ZtnaDestination>& destinations);
  /// JSON: [{"name","host","port","gateway","listen","open","last_error","denial_id","last_error_at"}, …]; "listen" is
  /// null while it can't be listened.
  std::string json() const;

 private:
  struct Place {
    proto::ZtnaDestination destination;
    std::unique_ptr<net::LocalListener> listener;
    std::map<std::uint64_t, net::Handle> open;
    std::optional<ForwardError> error;
    net::Handle retry;
    std::uint64_t next = 0;
  };
  void listen(Place& place);
  void carry(Place& place, net::LocalConnectionPtr connection);
  void failed(Place& place, ForwardError error);
  void ended(Place& place, std::uint64_t number);
  Result<net::Target> target_of(const proto::ZtnaDestination& destination) const;

  net::Loop& loop_;
  Clock& clock_;
  Identity identity_;
  std::size_t most_open_;
  std::string system_cas_;
  std::list<Place> places_;  // their addresses stay
};

}  // namespace postern::agent
