#include "gateway/cli/server.h"

#include <map>

#include "base/log.h"

namespace postern::gateway::cli {
namespace {

constexpr std::size_t kMaxSessions = 64;

struct Client {
  net::UnixConnectionPtr connection;
  std::unique_ptr<CliSession> session;
  bool working = false;  // on a line
  net::Handle tell;      // that it is

  void answer(Response response) const {
    response.prompt = session->prompt();
    response.staged = session->has_staged_changes();
    response.pages = session->pages();
    connection->send(encode(response));
  }
};

}  // namespace

struct CliServer::Impl {
  explicit Impl(net::Loop& l) : loop(l) {}

  net::Loop& loop;
  SessionFactory factory;
  std::chrono::milliseconds working_every{};
  std::map<net::UnixConnection*, std::shared_ptr<Client>> clients;
  std::unique_ptr<net::UnixServer> server;

  void run(const std::shared_ptr<Client>& client, const Request& request) {
    const std::weak_ptr<Client> weak = client;
    const bool first = !client->working;  // else the session refuses the line, and the one before goes on
    client->working = true;
    const auto done = [weak, first](Reply reply) {
      const auto answered = weak.lock();
      if (!answered) return;
      if (first) {
        answered->working = false;
        answered->tell.cancel();
      }
      Response response;
      response.reply = std::move(reply);
      answered->answer(std::move(response));
    };
    auto& session = *client->session;
    switch (request.kind) {
      case Request::Kind::kScript: session.feed_script(request.text, done); break;
      case Request::Kind::kEndScript: session.end_script(done); break;
      default: session.feed(request.text, done);
    }
    if (!client->working || !first) return;
    client->tell = loop.every(working_every, [weak] {
      const auto still = weak.lock();
      if (!still) return;
      Response response;
      response.working = true;
      still->connection->send(encode(response));
    });
  }

  void accept(const net::UnixConnectionPtr& connection) {
    if (clients.size() >= kMaxSessions) {
      log_warning("cli.refused", "too many command line sessions at once");
      return connection->close();
    }
    auto client = std::make_shared<Client>();
    client->connection = connection;
    client->session = factory(connection->peer());
    clients.emplace(connection.get(), client);
    const std::weak_ptr<Client> weak = client;
    connection->on_message = [this, weak](std::string message) {
      const auto c = weak.lock();
      if (!c) return;
      const auto request = decode_request(message);
      if (!request) return c->connection->close();
      if (request->kind == Request::Kind::kHelp) {
        Response response;
        response.help = c->session->help(request->text);
        return c->answer(std::move(response));
      }
      if (request->kind == Request::Kind::kHello) {
        Response response;
        response.reply.output = c->session->greeting();
        return c->answer(std::move(response));
      }
      if (request->kind == Request::Kind::kCancel) {
        c->session->cancel();
        return c->answer({});
      }
      run(c, *request);
    };
    connection->on_close = [this, raw = connection.get()] {
      // The connection is still in this call: let go of it afterwards.
      const auto it = clients.find(raw);
      if (it == clients.end()) return;
      loop.post([ended = std::move(it->second)] {});
      clients.erase(it);
    };
  }
};

CliServer::CliServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

CliServer::~CliServer() {
  for (auto& [raw, client] : impl_->clients) {
    client->connection->on_close = nullptr;
    client->connection->on_message = nullptr;
    client->connection->close();
  }
}

Result<std::unique_ptr<CliServer>> CliServer::listen(net::Loop& loop, const std::string& path, SessionFactory factory,
                                                     mode_t mode, std::chrono::milliseconds working_every) {
  auto impl = std::make_unique<Impl>(loop);
  impl->factory = std::move(factory);
  impl->working_every = working_every;
  Impl* raw = impl.get();
  auto server = net::UnixServer::listen(
      loop, path, mode, [raw](const net::UnixConnectionPtr& c) { raw->accept(c); }, kMaxMessage);
  if (!server) return fail(server.error());
  impl->server = std::move(*server);
  return std::unique_ptr<CliServer>(new CliServer(std::move(impl)));
}

}  // namespace postern::gateway::cli
