#include "network.h"

#include <utility>

namespace postern::sim {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Nanos kConnectTimeout = seconds(10);

}  // namespace

Nanos Network::latency() {
  if (healed_ || !dice_.chance(6)) return dice_.between(microseconds(100), milliseconds(4));
  journal_.note(Kind::kDelayed, "a message or a connection takes its time");
  return dice_.chance(20) ? dice_.between(seconds(1), seconds(8)) : dice_.between(milliseconds(20), milliseconds(900));
}

ConnectionId Network::connect(ClientEnd& client, Service service, Caller caller) {
  const auto id = next_++;
  auto& c = connections_[id];
  c.service = service;
  c.caller = std::move(caller);
  c.client = &client;
  const auto arrives = timeline_.now() + latency();
  timeline_.at(arrives, [this, id] {
    const auto it = connections_.find(id);
    if (it != connections_.end()) arrive(id, it->second);
  });
  timeline_.after(kConnectTimeout, [this, id] {
    const auto it = connections_.find(id);
    if (it == connections_.end() || it->second.established || !it->second.client_open) return;
    push(id, true, {What::kClose, {}, {}, 0, {}, "given up"});
    learn_closed(id, true, "timed out");
  });
  return id;
}

void Network::arrive(ConnectionId id, Connection& c) {
  if (!c.client_open) return collect(id);
  if (timeline_.now() < hosts_[c.caller.host].partitioned_until) return;  // the client's timeout ends it
  if (!server_->listening() || (!healed_ && dice_.chance(2))) {
    journal_.note(Kind::kRefused, "{} is refused", c.caller.name);
    timeline_.after(latency(), [this, id] { learn_closed(id, true, "connection refused"); });
    return;
  }
  c.server_open = true;
  push(id, false, {What::kOpen, {}, {}, 0, {}, {}});
  server_->on_open(id, c.service, Caller(c.caller));
}

void Network::push(ConnectionId id, bool to_server, Item item) {
  const auto it = connections_.find(id);
  if (it == connections_.end()) return;
  auto& direction = to_server ? it->second.to_server : it->second.to_client;
  if (direction.dead) return;
  item.sent = timeline_.now();
  item.order = ++order_;
  // A stream keeps its order: nothing overtakes.
  item.due = std::max(direction.last_due, timeline_.now() + latency());
  direction.last_due = item.due;
  timeline_.at(item.due, [this, id, to_server] { pump(id, to_server); });
  direction.queue.push_back(std::move(item));
}

void Network::pump(ConnectionId id, bool to_server) {
  for (;;) {
    const auto it = connections_.find(id);
    if (it == connections_.end()) return;
    auto& c = it->second;
    auto& queue = (to_server ? c.to_server : c.to_client).queue;
    if (queue.empty() || queue.front().due > timeline_.now()) return;
    const auto blocked = std::max(hosts_[c.caller.host].partitioned_until,
                                  c.client_open && !to_server ? c.client->stopped_until() : MonoTime{});
    if (timeline_.now() < blocked) {
      timeline_.at(blocked, [this, id, to_server] { pump(id, to_server); });
      return;
    }
    auto item = std::move(queue.front());
    queue.pop_front();
    deliver(id, c, to_server, std::move(item));
  }
}

void Network::deliver(ConnectionId id, Connection& c, bool to_server, Item item) {
  auto& host = hosts_[c.caller.host];
  if (item.order < host.newest && host.newest_on != id) {
    journal_.note(Kind::kReordered, "{} #{}: sent before what came on #{}", c.caller.name, id, host.newest_on);
  }
  if (item.order > host.newest) {
    host.newest = item.order;
    host.newest_on = id;
  }
  if (item.what == What::kClose) return learn_closed(id, !to_server, item.reason);
  if (to_server) {
    if (!c.server_open) return;
    journal_.note(Kind::kDelivered, "{} #{} -> EMS, {} bytes", c.caller.name, id, item.bytes.size());
    server_->on_message(id, item.bytes);
    return;
  }
  if (!c.client_open) return;
  if (item.what == What::kOpen) {
    c.established = true;
    journal_.note(Kind::kOpened, "{} #{}", c.caller.name, id);
    c.client->on_open(id);
    return;
  }
  journal_.note(Kind::kDelivered, "EMS -> {} #{}, {} bytes", c.caller.name, id, item.bytes.size());
  c.client->on_message(id, item.bytes, item.sent);
}

void Network::learn_closed(ConnectionId id, bool client, const std::string& reason) {
  const auto it = connections_.find(id);
  if (it == connections_.end()) return;
  auto& c = it->second;
  auto& open = client ? c.client_open : c.server_open;
  if (!std::exchange(open, false)) return collect(id);
  (client ? c.to_client : c.to_server).queue.clear();
  journal_.note(Kind::kClosed, "{} #{}: {} learns it: {}", c.caller.name, id, client ? "it" : "EMS", reason);
  auto* end = c.client;
  collect(id);
  if (client) {
    end->on_closed(id, reason);
  } else {
    server_->on_closed(id);
  }
}

void Network::collect(ConnectionId id) {
  const auto it = connections_.find(id);
  if (it != connections_.end() && !it->second.client_open && !it->second.server_open) connections_.erase(it);
}

void Network::send_to_server(ConnectionId id, Bytes bytes) {
  push(id, true, {What::kMessage, {}, {}, 0, std::move(bytes), {}});
}
void Network::send_to_client(ConnectionId id, Bytes bytes) {
  push(id, false, {What::kMessage, {}, {}, 0, std::move(bytes), {}});
}

void Network::close_from_client(ConnectionId id) {
  const auto it = connections_.find(id);
  if (it == connections_.end()) return;
  push(id, true, {What::kClose, {}, {}, 0, {}, "closed by the client"});
  it->second.client_open = false;
  it->second.to_client.queue.clear();
  collect(id);
}

void Network::close_from_server(ConnectionId id) {
  const auto it = connections_.find(id);
  if (it == connections_.end()) return;
  push(id, false, {What::kClose, {}, {}, 0, {}, "closed by the EMS"});
  it->second.server_open = false;
  it->second.to_server.queue.clear();
  collect(id);
}

void Network::lose_some(Direction& direction) {
  direction.dead = true;
  if (!direction.queue.empty()) direction.queue.resize(dice_.below(direction.queue.size() + 1));
}

void Network::cut(ConnectionId id, bool half_open) {
  const auto it = connections_.find(id);
  if (it == connections_.end()) return;
  auto& c = it->second;
  journal_.note(half_open ? Kind::kHalfOpen : Kind::kCut, "{} #{}", c.caller.name, id);
  lose_some(c.to_server);
  lose_some(c.to_client);
  const bool client_late = half_open && dice_.chance(50);
  const bool server_late = half_open && !client_late;
  const auto notice = [&](bool client, bool late) {
    const auto when =
        late ? dice_.between(seconds(20), seconds(200)) : dice_.between(milliseconds(0), milliseconds(300));
    timeline_.after(when, [this, id, client] { learn_closed(id, client, "connection reset"); });
  };
  notice(true, client_late);
  notice(false, server_late);
}

void Network::client_died(ClientEnd& client, bool lost) {
  std::vector<ConnectionId> theirs;
  for (auto& [id, c] : connections_) {
    if (c.client == &client && c.client_open) theirs.push_back(id);
  }
  for (const auto id : theirs) {
    auto& c = connections_.at(id);
    if (lost) lose_some(c.to_server);
    c.client_open = false;
    c.to_client.queue.clear();
    c.to_client.dead = true;
    if (lost) {
      timeline_.after(dice_.between(seconds(20), seconds(200)), [this, id] { learn_closed(id, false, "timed out"); });
    } else {
      push(id, true, {What::kClose, {}, {}, 0, {}, "the process ended"});
    }
    collect(id);
  }
}

void Network::server_died(bool lost) {
  std::vector<ConnectionId> all;
  for (auto& [id, c] : connections_) {
    if (c.server_open) all.push_back(id);
  }
  for (const auto id : all) {
    auto& c = connections_.at(id);
    if (lost) lose_some(c.to_client);
    c.server_open = false;
    c.to_server.queue.clear();
    c.to_server.dead = true;
    if (lost) {
      timeline_.after(dice_.between(seconds(5), seconds(120)), [this, id] { learn_closed(id, true, "timed out"); });
    } else {
      push(id, false, {What::kClose, {}, {}, 0, {}, "the process ended"});
    }
    collect(id);
  }
}

void Network::partition(int host, Nanos how_long) { hosts_[host].partitioned_until = timeline_.now() + how_long; }

void Network::heal() {
  healed_ = true;
  for (auto& [id, host] : hosts_) host.partitioned_until = {};
  for (const auto& [id, c] : connections_) {
    timeline_.after(Nanos(0), [this, id = id] {
      pump(id, true);
      pump(id, false);
    });
  }
}

void Network::resume(ClientEnd& client) {
  for (const auto& [id, c] : connections_) {
    if (c.client == &client) timeline_.after(Nanos(0), [this, id = id] { pump(id, false); });
  }
}

std::vector<ConnectionId> Network::open_connections() const {
  std::vector<ConnectionId> out;
  for (const auto& [id, c] : connections_) {
    if (alive(id)) out.push_back(id);
  }
  return out;
}

bool Network::alive(ConnectionId id) const {
  const auto it = connections_.find(id);
  if (it == connections_.end()) return false;
  const auto& c = it->second;
  return c.established && c.client_open && c.server_open && !c.to_client.dead && !c.to_server.dead;
}

const Caller* Network::caller(ConnectionId id) const {
  const auto it = connections_.find(id);
  return it == connections_.end() ? nullptr : &it->second.caller;
}

bool Network::idle() const {
  for (const auto& [id, c] : connections_) {
    if (!c.to_server.queue.empty() || !c.to_client.queue.empty()) return false;
  }
  return true;
}

}  // namespace postern::sim
