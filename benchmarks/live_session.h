#pragma once
// Open sessions of every kind, many of them in one thread: each on a connection that is read when epoll says so. Behind the
// access proxy listens live_app.
#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "timing.h"
#include "tls_client.h"

namespace postern::bench {

enum class Kind { kHttp1, kKept, kHttp2, kGrpc, kWebSocket, kTunnel, kRouted };
const char* name_of(Kind kind);

/// What ends by itself: a stream of HTTP/2, a whole connection of the others.
struct Live {
  Kind kind = Kind::kHttp1;
  Nanos every = 0;        ///< How often it brings a piece.
  bool live = false;      ///< It has brought one.
  Nanos last_byte = 0;    ///< Of what it is there for: a refusal is none.
  Nanos ended_at = 0;     ///< 0: open.
  const char* how = "";   ///< "reset", "closed", "stream reset", "call ended", "refused".
};

/// Where sessions lead.
struct Ways {
  Target proxy, app;      ///< The app's as the endpoint reaches it through the firewall, and what tunnels name.
};

/// A connection with the sessions on it.
class Carrier {
 public:
  /// Connected and shaken hands; throws std::runtime_error. `streams` of kinds that have more than one.
  Carrier(Kind kind, Nanos every, int streams, SSL_CTX* context, const Ways& ways);
  ~Carrier();  ///< Resets it.
  Carrier(const Carrier&) = delete;
  Carrier& operator=(const Carrier&) = delete;

  int fd() const { return fd_; }
  /// Asks for what its sessions are there for. Throws.
  void begin();
  /// Reads all there is. Throws where something came that no session of its kind may bring.
  void read();
  /// Kept connections ask again from time to time.
  void tick(Nanos at);
  /// Nothing more comes of it.
  bool over() const { return over_; }
  std::vector<Live>& sessions() { return sessions_; }
  const std::vector<Live>& sessions() const { return sessions_; }

 private:
  void connect(const Target& target);
  void send(std::string_view data);
  void take(std::string_view data, Nanos at);
  void take_frames(Nanos at);
  void take_answer(Nanos at);
  bool take_head(int expected);
  void over(const char* how, Nanos at);

  Kind kind_;
  Ways ways_;
  int fd_ = -1;
  SSL* ssl_ = nullptr;
  bool started_ = false;  ///< The head of the answer has come.
  bool over_ = false;
  Nanos next_request_ = 0;
  bool asked_ = false;
  std::string in_;
  std::vector<Live> sessions_;
};

}  // namespace postern::bench
