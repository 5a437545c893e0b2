#include "agent/shell/local_server.h"

#include "agent/local_api/request.h"

namespace postern::agent {

Result<std::unique_ptr<LocalServer>> LocalServer::listen(net::Loop& loop, const std::string& path, Options options,
                                                         OnRequest on_request) {
  std::unique_ptr<LocalServer> out(new LocalServer(loop, std::move(options), std::move(on_request)));
  auto server = net::UnixServer::listen(
      loop, path, 0666, [self = out.get()](net::UnixConnectionPtr client) { self->accept(client); }, kMaxLocalMessage);
  if (!server) return fail(server.error());
  out->server_ = std::move(*server);
  return out;
}

LocalServer::~LocalServer() {
  server_.reset();
  // Connections may live a little longer than this, in a call of theirs.
  for (auto& [raw, client] : clients_) {
    raw->on_message = nullptr;
    raw->on_close = nullptr;
    raw->abort();
  }
}

void LocalServer::accept(const net::UnixConnectionPtr& connection) {
  const auto user = connection->peer().uid;
  if (auto ok = limits_.admit(user); !ok) {
    connection->send(local_error(ok.error()));
    return connection->close();
  }
  clients_[connection.get()].connection = connection;
  connection->on_message = [this, raw = connection.get()](std::string message) { on_message(*raw, message); };
  connection->on_close = [this, user, raw = connection.get()] {
    limits_.release(user);
    const auto it = clients_.find(raw);
    loop_.post([ended = std::move(it->second.connection)] {});  // it is still in this call
    clients_.erase(it);
  };
  await(*connection);
}

void LocalServer::await(net::UnixConnection& connection) {
  clients_.at(&connection).idle = loop_.after(options_.idle, [raw = &connection] { raw->abort(); });
}

void LocalServer::on_message(net::UnixConnection& connection, const std::string& message) {
  auto& client = clients_.at(&connection);
  // One that sends on without waiting for answers, or without fetching them, would fill the agent's memory.
  if (client.busy || connection.queued_bytes() > kMaxLocalMessage) return connection.abort();
  client.busy = true;
  client.idle.cancel();
  on_request_(connection.peer(), message, [this, weak = std::weak_ptr(client.connection)](std::string answer) {
    const auto alive = weak.lock();
    if (!alive) return;
    const auto it = clients_.find(alive.get());
    if (it == clients_.end()) return;
    it->second.busy = false;
    alive->send(std::move(answer));
    await(*alive);
  });
}

}  // namespace postern::agent
