#pragma once
// Where open sessions lead to that the configuration does not lead to any more.
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "ecshm/clear.h"
#include "gateway/core/gateway_core.h"
#include "gateway/forward/destinations.h"
#include "gateway/shell/proxy_plan.h"
#include "gateway/shell/servers_led_to.h"

namespace postern::gateway {

using OpenSessions = std::map<Sha256, GatewayCore::SessionsByPlace>;
/// Where TCP is forwarded to, by access proxy and API gateway.
using ForwardedTo = std::map<std::uint32_t, std::map<std::uint32_t, std::vector<ForwardDestination>>>;
ForwardedTo forwarded_to(const ProxyPlan& plan);

/// Orders to end what goes on to destinations of forwarded TCP that `before` had for an API gateway and `now` has not: also where
/// another one leads there, since policies may let others use that. An API gateway that is gone needs none: no policy lets its
/// requests go on. Pure.
std::vector<ecshm::ClearOrder> tunnels_led_away(const ProxyPlan& before, const ProxyPlan& now, const OpenSessions& sessions);

/// What is led away, and for how long orders for it are given again: nginx's workers that have not heard of a new
/// configuration begin some of it for a moment. No clock: the caller asks once a second. Thread: one.
class LeadingAway {
 public:
  /// So many times an order is given again.
  static constexpr int kAgain = 5;
  /// The configuration is this one now; orders to give at once. What is led to once more is left alone.
  std::vector<ecshm::ClearOrder> use(const ProxyPlan& plan, const OpenSessions& sessions);
  /// A session began, perhaps by the configuration of a moment ago: then there is something to give again. Who asks for what
  /// never was there is told so by the forwarder, and has gone by the time that orders are given; of those at most kMostAsked
  /// are taken note of. Where there are more, `again` looks for them among what is open.
  void began(const SessionPlace& place);
  static constexpr std::size_t kMostAsked = 256;
  /// Likewise +n or -n of a client without a certificate, which is no session.
  void stranger(const SessionPlace& place, int change);
  /// By so many configurations of before that led elsewhere.
  static constexpr std::size_t kRemembered = 8;
  /// Orders to give again, a second after the last time. `waiting`: workers may lead to what was taken out still, since policies wait for
  /// nginx (NginxControl::waiting); then it does not count as one of the times.
  std::vector<ecshm::ClearOrder> again(const OpenSessions& sessions = {}, bool waiting = false);
  bool over() const { return pending_.empty() && !beyond_ && taken_ == 0; }
  /// To be kept over a restart, and taken before the first `use`. What was taken is printed until nginx's workers have had time to tell what
  /// is open: who is killed, or ends, before that must not have forgotten it. Error: kDataLoss.
  std::string print() const;
  Status take(std::string_view text);

 private:
  struct Pending {
    ecshm::ClearOrder order;
    int times = 0;
  };
  using Key = std::tuple<std::uint32_t, std::uint32_t, std::uint32_t, std::string>;  // access proxy, API gateway, server, destination
  static Key key_of(const ecshm::ClearOrder& order);
  bool away(const ecshm::ClearOrder& order) const;
  void note(const ecshm::ClearOrder& order);
  std::vector<ecshm::ClearOrder> orders_for(const SessionPlace& place) const;

  ServersLedTo servers_;
  ProxyPlan plan_;
  ForwardedTo forwarded_;  // of it
  std::vector<ForwardedTo> before_;  // the last that were otherwise, oldest first
  OpenSessions strangers_;  // of one key
  std::map<Key, Pending> pending_;
  bool beyond_ = false;  // something began that was not taken note of
  int taken_ = 0;        // for so many times more what was taken is kept
};

}  // namespace postern::gateway
