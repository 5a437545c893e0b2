// The application behind a thousand open sessions in benchmarks, one thread for all of them:
//
//   GET /every/MS   pieces of the body, one each MS milliseconds, for as long as anybody reads
//   GET /socket/MS  a WebSocket that sends a message so often
//   GET …           an answer of 100 bytes
//   HTTP/2          without TLS; each request is a gRPC call that is answered by a message each `--call-every` milliseconds
//
// HTTP/1.1 with connections kept. A peer that is silent for a second while something is on its way is given up.
//
// Usage: live_app --address A --port N --call-every MS --ready FILE     FILE is made once it listens
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <map>
#include <memory>
#include <queue>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include "arguments.h"
#include "http2_frames.h"
#include "timing.h"

namespace {

using namespace postern::bench;

constexpr Nanos kMs = 1'000'000;
constexpr std::size_t kMaxHead = 16 * 1024;

/// What a connection sends again and again. Under HTTP/2 one for each stream.
struct Source {
  Nanos every = 0, next = 0;
  std::string piece;
};

struct Peer {
  int fd = -1;
  bool http2 = false;
  std::string in;
  std::map<std::uint32_t, Source> sources;  ///< By stream; 0 under HTTP/1.1.
};

std::string chunk(std::size_t size) {
  char head[16];
  std::snprintf(head, sizeof head, "%zx\r\n", size);
  return head + std::string(size, '.') + "\r\n";
}

std::string message(std::size_t size) {  // A WebSocket's, of less than 126 bytes.
  return std::string("\x82", 1) + static_cast<char>(size) + std::string(size, '.');
}

class App {
 public:
  App(int listener, Nanos call_every) : listener_(listener), call_every_(call_every) {
    epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    watch(listener_, 0);
  }

  void run() {
    epoll_event events[256];
    for (;;) {
      const int wait = due_.empty() ? -1 : static_cast<int>(std::max<Nanos>((due_.top().at - now() + kMs - 1) / kMs, 0));
      const int n = ::epoll_wait(epoll_, events, 256, wait);
      for (int i = 0; i < n; ++i) events[i].data.u64 == 0 ? welcome() : read(events[i].data.u64);
      send_due();
    }
  }

 private:
  struct Due {
    Nanos at = 0;
    std::uint64_t peer = 0;
    std::uint32_t stream = 0;
    bool operator<(const Due& other) const { return at > other.at; }
  };

  void watch(int fd, std::uint64_t id) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = id;
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) give_up("epoll_ctl");
  }

  void welcome() {
    const int on = 1, patience_ms = 1000;
    for (;;) {
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
      if (fd < 0) return;
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      ::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &patience_ms, sizeof patience_ms);
      auto peer = std::make_unique<Peer>();
      peer->fd = fd;
      const auto id = ++last_;
      peers_[id] = std::move(peer);
      watch(fd, id);
    }
  }

  void drop(std::uint64_t id) {
    ::close(peers_.at(id)->fd);
    peers_.erase(id);
  }

  /// False: the peer is gone. What its socket has no room for is not sent: nobody reads it.
  bool send(std::uint64_t id, std::string_view data) {
    const auto n = ::send(peers_.at(id)->fd, data.data(), data.size(), MSG_NOSIGNAL);
    if (n == static_cast<ssize_t>(data.size())) return true;
    drop(id);
    return false;
  }

  void read(std::uint64_t id) {
    const auto it = peers_.find(id);
    if (it == peers_.end()) return;
    auto& peer = *it->second;
    char buffer[16 * 1024];
    const auto n = ::recv(peer.fd, buffer, sizeof buffer, 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) return drop(id);
    peer.in.append(buffer, static_cast<std::size_t>(n));
    if (!peer.http2 && peer.in.starts_with(http2::kPreface)) {
      peer.http2 = true;
      peer.in.erase(0, http2::kPreface.size());
      if (!send(id, http2::frame(http2::kSettings, 0, 0))) return;
    }
    peer.http2 ? take_frames(id, peer) : take_requests(id, peer);
  }

  void take_requests(std::uint64_t id, Peer& peer) {
    for (std::size_t end; (end = peer.in.find("\r\n\r\n")) != std::string::npos;) {
      if (!peer.sources.empty()) return;  // It streams; a WebSocket's frames are not asked for anything.
      const auto head = peer.in.substr(0, end);
      peer.in.erase(0, end + 4);
      if (const long ms = after(head, "GET /every/"); ms > 0) {
        if (!send(id, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n")) return;
        begin(id, peer, 0, ms * kMs, chunk(200));
      } else if (const long every = after(head, "GET /socket/"); every > 0) {
        if (!send(id, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")) return;
        begin(id, peer, 0, every * kMs, message(100));
      } else if (!send(id, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\n" +
                               std::string(100, '.'))) {
        return;
      }
    }
    if (peer.in.size() > kMaxHead) drop(id);
  }

  static long after(const std::string& head, std::string_view start) {
    long out = 0;
    if (head.starts_with(start)) std::from_chars(head.data() + start.size(), head.data() + head.size(), out);
    return out;
  }

  void take_frames(std::uint64_t id, Peer& peer) {
    http2::Frame frame;
    std::size_t size = 0, at = 0;
    http2::Taken taken;
    std::string answer;
    while ((taken = http2::take(std::string_view(peer.in).substr(at), frame, size)) == http2::Taken::kFrame) {
      at += size;
      if (frame.type == http2::kSettings && !(frame.flags & http2::kAck)) {
        answer += http2::frame(http2::kSettings, http2::kAck, 0);
      } else if (frame.type == http2::kPing && !(frame.flags & http2::kAck)) {
        answer += http2::frame(http2::kPing, http2::kAck, 0, frame.payload);
      } else if (frame.type == http2::kHeaders) {
        answer += http2::frame(http2::kHeaders, http2::kEndHeaders, frame.stream,
                               "\x88" + http2::literal("content-type", "application/grpc"));
        const std::string text(100, '.');
        begin(id, peer, frame.stream, call_every_,
              http2::frame(http2::kData, 0, frame.stream, std::string(1, '\0') + http2::number(100) + text));
      } else if (frame.type == http2::kRstStream) {
        peer.sources.erase(frame.stream);
      }
    }
    peer.in.erase(0, at);
    if (taken == http2::Taken::kWrong) return drop(id);
    if (!answer.empty()) send(id, answer);
  }

  /// The first piece at some moment of the interval, so that sessions do not speak in chorus.
  void begin(std::uint64_t id, Peer& peer, std::uint32_t stream, Nanos every, std::string piece) {
    const Nanos next = now() + std::uniform_int_distribution<Nanos>(0, every)(random_);
    peer.sources[stream] = {every, next, std::move(piece)};
    due_.push({next, id, stream});
  }

  void send_due() {
    const Nanos at = now();
    while (!due_.empty() && due_.top().at <= at) {
      const auto due = due_.top();
      due_.pop();
      const auto peer = peers_.find(due.peer);
      if (peer == peers_.end()) continue;
      const auto source = peer->second->sources.find(due.stream);
      if (source == peer->second->sources.end()) continue;
      const Nanos next = due.at + source->second.every;
      if (send(due.peer, source->second.piece)) due_.push({next, due.peer, due.stream});
    }
  }

  int listener_, epoll_ = -1;
  Nanos call_every_;
  std::uint64_t last_ = 0;
  std::unordered_map<std::uint64_t, std::unique_ptr<Peer>> peers_;
  std::priority_queue<Due> due_;
  std::minstd_rand random_;
};

}  // namespace

int main(int argc, char** argv) {
  const Arguments arguments(argc, argv);
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int on = 1;
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(arguments.number("port")));
  if (::inet_pton(AF_INET, arguments.text("address").c_str(), &address.sin_addr) != 1) give_up("--address");
  if (::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) give_up("bind");
  if (::listen(listener, 1024) != 0) give_up("listen");
  App app(listener, arguments.number("call-every") * kMs);
  if (FILE* ready = std::fopen(arguments.text("ready").c_str(), "w")) std::fclose(ready);
  app.run();
}
