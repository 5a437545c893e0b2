// What an administrator ends.
#include "nginx/denial_id.h"
#include "nginx/worker.h"

namespace postern::nginx {
namespace {

bool fits(const Connection& connection, const ecshm::ClearOrder& order) {
  return connection.opened && (!order.leaf || connection.leaf == *order.leaf) &&
         (order.proxy == 0 || connection.proxy == order.proxy) &&
         (!order.source.valid() || connection.source == order.source) &&
         (order.kind == ecshm::SessionKind::kNone || connection.kind == order.kind);
}

}  // namespace

std::uint32_t Worker::clear(const ecshm::ClearOrder& order) {
  policy::Decision decision;
  decision.reason = policy::Reason::kCleared;
  const auto detail = "cleared by administrator " + order.administrator;
  std::uint32_t ended = 0;
  List<Connection> todo;
  todo.take_all(all_);
  while (auto* connection = todo.front()) {
    all_.push_back(connection->in_all);
    if (!fits(*connection, order)) continue;
    judging_ = connection;
    if (order.policy == 0) {
      if (connection->requests.empty()) report_cleared(*connection, detail);
      connection->requests.for_each([&](LiveRequest& live) {
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
        if (next == nullptr && !live.cut && live.decision.policy == order.policy) next = &live;
      });
      more = next != nullptr;
      if (!more) break;
      decision.policy = order.policy;
      report_cut(*next, decision, true, detail);
      ++ended;
      cut_request(*next);
    }
  }
  judging_ = nullptr;
  return ended;
}

void Worker::report_cleared(const Connection& connection, const std::string& detail) {
  ecshm::Event event;
  event.type = ecshm::EventType::kCut;
  event.reason = policy::Reason::kCleared;
  event.time = now().wall;
  event.leaf = connection.leaf;
  event.proxy = connection.proxy;
  event.kind = connection.kind;
  event.source = connection.source;
  event.source_port = connection.source_port;
  event.interface = connection.interface.text();
  event.id = new_denial_id();
  event.detail = detail;
  report(event);
}

}  // namespace postern::nginx
