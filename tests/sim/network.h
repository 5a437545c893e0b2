#pragma once
// The network between everybody and the EMS. A connection is like TCP: each direction keeps its order, whatever is lost
// is lost to its end; between connections there is no order at all. Ends learn late, or very late, that it is over.
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "base/hex.h"
#include "base/ip.h"
#include "dice.h"
#include "journal.h"
#include "timeline.h"

namespace postern::sim {

using ConnectionId = std::uint64_t;
enum class Service { kEnrol, kTelemetry, kFabric };

/// Who connects: the machine (for partitions), where it comes from, and the certificate it shows.
struct Caller {
  int host = 0;
  std::string name;
  IpAddress source;
  Bytes leaf;
};

class ClientEnd {
 public:
  virtual ~ClientEnd() = default;
  virtual void on_open(ConnectionId id) = 0;
  /// `sent`: when the EMS sent it.
  virtual void on_message(ConnectionId id, ByteView bytes, MonoTime sent) = 0;
  /// Also when it never opened.
  virtual void on_closed(ConnectionId id, const std::string& reason) = 0;
  /// The process stands still until then: what arrives waits.
  virtual MonoTime stopped_until() const { return {}; }
};

class ServerEnd {
 public:
  virtual ~ServerEnd() = default;
  virtual bool listening() const = 0;
  virtual void on_open(ConnectionId id, Service service, const Caller& caller) = 0;
  virtual void on_message(ConnectionId id, ByteView bytes) = 0;
  virtual void on_closed(ConnectionId id) = 0;
};

class Network {
 public:
  Network(Timeline& timeline, Journal& journal, std::uint64_t seed)
      : timeline_(timeline), journal_(journal), dice_(seed) {}
  void set_server(ServerEnd* server) { server_ = server; }

  ConnectionId connect(ClientEnd& client, Service service, Caller caller);
  void send_to_server(ConnectionId id, Bytes bytes);
  void send_to_client(ConnectionId id, Bytes bytes);
  /// After what was sent. The one who closes hears nothing more.
  void close_from_client(ConnectionId id);
  void close_from_server(ConnectionId id);

  // Faults.
  /// `lost`: the machine is gone, nobody closes for it.
  void client_died(ClientEnd& client, bool lost);
  void server_died(bool lost);
  void cut(ConnectionId id, bool half_open);
  void partition(int host, Nanos how_long);
  /// Everything works from now on, and fast.
  void heal();
  /// The program goes on: what waited for it arrives.
  void resume(ClientEnd& client);

  std::vector<ConnectionId> open_connections() const;
  const Caller* caller(ConnectionId id) const;
  /// Both ends have it open, and what one sends reaches the other.
  bool alive(ConnectionId id) const;
  /// Nothing is under way.
  bool idle() const;

 private:
  enum class What { kOpen, kMessage, kClose };
  struct Item {
    What what = What::kMessage;
    MonoTime due;
    MonoTime sent;
    std::uint64_t order = 0;
    Bytes bytes;
    std::string reason;
  };
  struct Direction {
    std::deque<Item> queue;
    MonoTime last_due{};
    bool dead = false;  // nothing sent from now on arrives
  };
  struct Connection {
    Service service;
    Caller caller;
    ClientEnd* client = nullptr;
    Direction to_server, to_client;
    bool client_open = true, server_open = false;
    bool established = false;  // the client knows
  };
  struct Host {
    MonoTime partitioned_until{};
    std::uint64_t newest = 0;  // of what arrived
    ConnectionId newest_on = 0;
  };

  Nanos latency();
  void push(ConnectionId id, bool to_server, Item item);
  void pump(ConnectionId id, bool to_server);
  void deliver(ConnectionId id, Connection& c, bool to_server, Item item);
  void arrive(ConnectionId id, Connection& c);
  void learn_closed(ConnectionId id, bool client, const std::string& reason);
  void lose_some(Direction& direction);
  void collect(ConnectionId id);

  Timeline& timeline_;
  Journal& journal_;
  Dice dice_;
  ServerEnd* server_ = nullptr;
  std::map<ConnectionId, Connection> connections_;
  std::map<int, Host> hosts_;
  ConnectionId next_ = 1;
  std::uint64_t order_ = 0;
  bool healed_ = false;
};

}  // namespace postern::sim
