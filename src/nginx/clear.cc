// What an administrator ends.
#include <memory>

#include "nginx/denial_id.h"
#include "nginx/worker.h"

namespace postern::nginx {
namespace {

/// Does it say which requests of a connection end?
bool by_request(const ecshm::ClearOrder& order) { return order.policy != 0 || order.api_gateway != 0 || order.server != 0; }

/// A connection without a certificate is no session, but a request on it, or where it leads to, may be one that ends.
bool fits(const Connection& connection, const ecshm::ClearOrder& order) {
  const bool told = connection.opened || (connection.stranger && !order.destination.empty());
  const bool session = told ? (order.proxy == 0 || connection.proxy == order.proxy) : by_request(order);
  return session && (!order.leaf || (connection.opened && connection.leaf == *order.leaf)) &&
         (!order.source.valid() || connection.source == order.source) &&
         (order.kind == ecshm::SessionKind::kNone || connection.kind == order.kind) &&
         (order.destination.empty() || connection.destination == order.destination);
}

bool fits(const LiveRequest& live, const ecshm::ClearOrder& order) {
  return !live.cut && (order.proxy == 0 || live.proxy == order.proxy) &&
         (order.policy == 0 || live.decision.policy == order.policy) &&
         (order.api_gateway == 0 || live.decision.api_gateway == order.api_gateway) &&
         (order.server == 0 || live.server == order.server);
}

}  // namespace

std::uint32_t Worker::clear(const ecshm::ClearOrder& order) {
  policy::Decision decision;
  const bool led_away = order.administrator.empty();
  decision.reason = led_away ? policy::Reason::kNoRealServer : policy::Reason::kCleared;
  const auto detail = led_away ? std::string("its real server was taken out of the configuration")
                               : "cleared by administrator " + order.administrator;
  const auto why = std::make_shared<const std::string>(detail);
  const auto at = now().wall;
  std::uint32_t ended = 0;
  List<Connection> todo;
  todo.take_all(all_);
  while (auto* connection = todo.front()) {
    all_.push_back(connection->in_all);
    if (!fits(*connection, order) || connection->in_lost.linked()) continue;
    const bool whole = !by_request(order);
    LiveRequest* lost = nullptr;
    connection->requests.for_each([&](LiveRequest& live) {
      if (live.cut || (!whole && !fits(live, order))) return;
      decision.policy = live.decision.policy;
      live.lost = decision;
      live.lost_at = at;
      lost = &live;
      ended += !whole;
    });
    if (!whole && lost == nullptr) continue;
    ended += whole;
    connection->lost = whole;
    connection->had_slot = true;
    if (lost == nullptr) connection->cleared = decision.reason;
    connection->detail = why;
    silence(*connection, lost);
  }
  clear_lost();
  return ended;
}

void Worker::report_cleared(const Connection& connection, policy::Reason reason, const std::string& detail) {
  const auto id = new_denial_id();
  ecshm::EventView event;
  event.type = ecshm::EventType::kCut;
  event.reason = reason;
  event.time = now().wall;
  if (connection.opened) event.leaf = connection.leaf;
  event.proxy = connection.proxy;
  event.kind = connection.kind;
  event.source = connection.source;
  event.source_port = connection.source_port;
  event.interface = connection.interface.text();
  event.id = id;
  event.detail = detail;
  report(event);
}

}  // namespace postern::nginx
