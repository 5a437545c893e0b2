// What an administrator ends.
#include "nginx/denial_id.h"
#include "nginx/worker.h"

namespace postern::nginx {
namespace {

/// Does it say which requests of a connection end?
bool by_request(const ecshm::ClearOrder& order) { return order.policy != 0 || order.api_gateway != 0 || order.server != 0; }

/// A connection without a certificate is no session, but a request on it may be one that ends.
bool fits(const Connection& connection, const ecshm::ClearOrder& order) {
  const bool session = connection.opened ? (order.proxy == 0 || connection.proxy == order.proxy) : by_request(order);
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
  std::uint32_t ended = 0;
  List<Connection> todo;
  todo.take_all(all_);
  while (auto* connection = todo.front()) {
    all_.push_back(connection->in_all);
    if (!fits(*connection, order)) continue;
    judging_ = connection;
    if (!by_request(order)) {
      if (connection->requests.empty()) report_cleared(*connection, decision.reason, detail);
      connection->requests.for_each([&](LiveRequest& live) {
        if (live.cut) return;  // told already, and only waits for the last of what is on its way
        decision.policy = live.decision.policy;
        report_cut(live, decision, true, detail);
      });
      cut_connection(*connection);
      ++ended;
      continue;
    }
    for (bool more = true; more && judging_ != nullptr;) {
      LiveRequest* next = nullptr;
      connection->requests.for_each([&](LiveRequest& live) {
        if (next == nullptr && fits(live, order)) next = &live;
      });
      more = next != nullptr;
      if (!more) break;
      decision.policy = next->decision.policy;
      report_cut(*next, decision, true, detail);
      ++ended;
      cut_request(*next);
    }
  }
  judging_ = nullptr;
  return ended;
}

void Worker::report_cleared(const Connection& connection, policy::Reason reason, const std::string& detail) {
  const auto id = new_denial_id();
  ecshm::EventView event;
  event.type = ecshm::EventType::kCut;
  event.reason = reason;
  event.time = now().wall;
  event.leaf = connection.leaf;
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
