// A load of HTTP/1.1 requests over mutual TLS: kept connections, each sends its next request when the answer is there.
// For servers on this machine's loopback only, and bounded in time; it prints one line of JSON:
// {"answers", "failures", "seconds", "cpu_seconds", "p50_us", "p99_us"}.
//
// With --handshakes full, or resumed, each request has a connection of its own, begun by such a handshake; of resumed ones
// those that were not count as failures.
//
// Usage: mtls_load --address 127.0.0.1 --port N --certificate F --key F --connections N --milliseconds N [--path P]
//                  [--handshakes full|resumed]
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <csignal>
#include <memory>
#include <string>
#include <vector>

#include "arguments.h"
#include "timing.h"
#include "tls_client.h"

namespace {

using namespace postern::bench;

constexpr long kMaxConnections = 1000, kMaxMilliseconds = 60'000;

class Load {
 public:
  Load(const Arguments& arguments)
      : context_(client_context(arguments.text("certificate"), arguments.text("key"))), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    address_.sin_family = AF_INET;
    address_.sin_port = htons(static_cast<std::uint16_t>(arguments.number("port")));
    const auto host = arguments.text("address", "127.0.0.1");
    if (::inet_pton(AF_INET, host.c_str(), &address_.sin_addr) != 1 || ntohl(address_.sin_addr.s_addr) >> 24 != 127) {
      std::fprintf(stderr, "mtls_load: %s is not on the loopback\n", host.c_str());
      std::exit(2);
    }
    request_ = "GET " + arguments.text("path", "/") + " HTTP/1.1\r\nHost: " + host + ":" + arguments.text("port") + "\r\n\r\n";
    const auto handshakes = arguments.text("handshakes", "kept");
    each_anew_ = handshakes != "kept";
    if (handshakes == "resumed") {
      SSL_CTX_set_session_cache_mode(context_.get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
      resume_ = true;
    }
    const auto count = std::clamp(arguments.number("connections"), 1L, kMaxConnections);
    for (long i = 0; i < count; ++i) {
      connections_.push_back(std::make_unique<Connection>());
      open(*connections_.back());
    }
  }
  ~Load() {
    for (auto& c : connections_) {
      close(*c);
      SSL_SESSION_free(c->session);
    }
    ::close(epoll_);
  }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  void run(Nanos duration) {
    const Nanos start = now(), end = start + duration, cpu = read_clock(CLOCK_PROCESS_CPUTIME_ID);
    for (auto& c : connections_) send(*c);
    epoll_event events[64];
    Nanos time = start;
    while (time < end && open_ > 0) {
      const int n = ::epoll_wait(epoll_, events, std::size(events), 100);
      for (int i = 0; i < n; ++i) receive(*static_cast<Connection*>(events[i].data.ptr));
      time = now();
    }
    std::ranges::sort(took_);
    const auto at = [&](double share) {
      return took_.empty() ? 0.0 : took_[static_cast<std::size_t>(share * static_cast<double>(took_.size() - 1))] / 1e3;
    };
    std::printf("{\"answers\": %zu, \"failures\": %zu, \"seconds\": %.4f, \"cpu_seconds\": %.4f, \"p50_us\": %.1f, "
                "\"p99_us\": %.1f}\n",
                took_.size(), failures_, static_cast<double>(time - start) / 1e9,
                static_cast<double>(read_clock(CLOCK_PROCESS_CPUTIME_ID) - cpu) / 1e9, at(0.5), at(0.99));
  }

 private:
  struct Connection {
    int fd = -1;
    SSL* ssl = nullptr;
    SSL_SESSION* session = nullptr;  // Of the connection before, to go on with.
    std::string in;
    Nanos sent = 0;
  };

  /// Connects and shakes hands, waiting for it: before anything is measured, and again after as many requests as the
  /// server allows on a connection.
  void open(Connection& connection) {
    auto* c = &connection;
    c->in.clear();
    c->fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    ::setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (::connect(c->fd, reinterpret_cast<const sockaddr*>(&address_), sizeof address_) != 0) give_up("connect");
    c->ssl = SSL_new(context_.get());
    SSL_set_fd(c->ssl, c->fd);
    if (c->session != nullptr) SSL_set_session(c->ssl, c->session);
    if (SSL_connect(c->ssl) != 1) {
      ERR_print_errors_fp(stderr);
      std::exit(1);
    }
    if (c->session != nullptr && SSL_session_reused(c->ssl) != 1) ++failures_;
    ::fcntl(c->fd, F_SETFL, ::fcntl(c->fd, F_GETFL) | O_NONBLOCK);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = c;
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, c->fd, &event);
    ++open_;
  }

  void close(Connection& c) {
    if (c.fd < 0) return;
    // A session whose connection only breaks off is not gone on with.
    if (each_anew_) SSL_set_shutdown(c.ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(c.ssl);
    ::close(c.fd);
    c.fd = -1;
    --open_;
  }

  void send(Connection& c) {
    c.sent = now();
    // A request fits into any socket buffer that is empty, as this one is.
    if (SSL_write(c.ssl, request_.data(), static_cast<int>(request_.size())) <= 0) lost(c);
  }

  void receive(Connection& c) {
    char buffer[16 * 1024];
    for (;;) {
      const int n = SSL_read(c.ssl, buffer, sizeof buffer);
      if (n <= 0) {
        const int what = SSL_get_error(c.ssl, n);
        if (what == SSL_ERROR_WANT_READ) return;
        lost(c);
        return;
      }
      c.in.append(buffer, static_cast<std::size_t>(n));
      bool last = false;
      if (!answered(c, last)) continue;
      if (last || each_anew_) {
        if (resume_) {
          SSL_SESSION_free(c.session);
          c.session = SSL_get1_session(c.ssl);
        }
        close(c);
        open(c);
      }
      send(c);
      if (c.fd < 0) return;
    }
  }

  /// Takes one whole answer off `in`, if there is one. `last`: the server will close the connection after it.
  bool answered(Connection& c, bool& last) {
    const auto end = c.in.find("\r\n\r\n");
    if (end == std::string::npos) return false;
    std::string head = c.in.substr(0, end + 2);
    std::ranges::transform(head, head.begin(), [](unsigned char ch) { return std::tolower(ch); });
    constexpr std::string_view kLength = "\r\ncontent-length: ";
    std::size_t body = 0;
    if (const auto at = head.find(kLength); at != std::string::npos) {
      std::from_chars(head.data() + at + kLength.size(), head.data() + head.size(), body);
    }
    if (c.in.size() < end + 4 + body) return false;
    if (head.starts_with("http/1.1 200 ")) {
      took_.push_back(now() - c.sent);
    } else {
      ++failures_;
    }
    last = head.find("\r\nconnection: close\r\n") != std::string::npos;
    c.in.erase(0, end + 4 + body);
    return true;
  }

  void lost(Connection& c) {
    ++failures_;
    ERR_clear_error();
    close(c);
  }

  std::shared_ptr<SSL_CTX> context_;
  int epoll_;
  bool each_anew_ = false;
  bool resume_ = false;
  sockaddr_in address_{};
  std::string request_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<Nanos> took_;
  std::size_t failures_ = 0;
  std::size_t open_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  const Arguments arguments(argc, argv);
  ::signal(SIGPIPE, SIG_IGN);
  Load load(arguments);
  load.run(std::clamp(arguments.number("milliseconds"), 1L, kMaxMilliseconds) * 1'000'000);
}
