// Downloads and paced requests over HTTP/1.1, by mutual TLS or plain, for servers on this machine's loopback only, and
// bounded in time. It prints one line of JSON.
//
// Bulk: each connection asks again for --path when the answer is there, for --milliseconds; bodies are read and thrown away:
// {"bytes", "answers", "failures", "seconds", "cpu_seconds"}.
//
// With --per_second N: so many requests, evenly spread, each on the next connection that is free. How long one took is
// counted from when it was due, so that a server that stands still is not spared the requests that waited for it:
// {"answers", "failures", "seconds", "cpu_seconds", "p50_us", "p99_us"}.
//
// Usage: bulk_load --port N --connections N --milliseconds N [--address 127.0.0.1] [--certificate F --key F] [--path P] [--per_second N]
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
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "arguments.h"
#include "timing.h"
#include "tls_client.h"

namespace {

using namespace postern::bench;

constexpr long kMaxConnections = 1000, kMaxMilliseconds = 120'000;

struct Connection {
  int fd = -1;
  SSL* ssl = nullptr;  // none: plain
  std::string head;
  std::size_t body = 0;  // still to come
  bool in_body = false;
  bool ok = false;
  bool last = false;     // answer: the server closes then
  bool waits = false;    // for an answer
  Nanos due = 0;
};

class Load {
 public:
  explicit Load(const Arguments& arguments) : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    if (const auto certificate = arguments.text("certificate", ""); !certificate.empty())
      context_ = client_context(certificate, arguments.text("key"));
    address_.sin_family = AF_INET;
    address_.sin_port = htons(static_cast<std::uint16_t>(arguments.number("port")));
    const auto host = arguments.text("address", "127.0.0.1");
    if (::inet_pton(AF_INET, host.c_str(), &address_.sin_addr) != 1 || ntohl(address_.sin_addr.s_addr) >> 24 != 127) {
      std::fprintf(stderr, "bulk_load: %s is not on the loopback\n", host.c_str());
      std::exit(2);
    }
    request_ = "GET " + arguments.text("path", "/") + " HTTP/1.1\r\nHost: " + host + ":" + arguments.text("port") + "\r\n\r\n";
    interval_ = arguments.number("per_second", 0);
    if (interval_ > 0) interval_ = 1'000'000'000 / interval_;
    connections_.resize(static_cast<std::size_t>(std::clamp(arguments.number("connections"), 1L, kMaxConnections)));
    for (auto& c : connections_) open(c);
  }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  void run(Nanos duration) {
    const Nanos start = now(), cpu = read_clock(CLOCK_PROCESS_CPUTIME_ID), end = start + duration;
    for (auto& c : connections_) {
      if (interval_ == 0) send(c, start);
      else free_.push_back(&c);
    }
    Nanos time = start, next = start;
    epoll_event events[64];
    while (time < end && open_ > 0) {
      for (; interval_ > 0 && next <= time; next += interval_) due_.push_back(next);
      while (!due_.empty() && !free_.empty()) {
        auto* c = free_.front();
        free_.pop_front();
        send(*c, due_.front());
        due_.pop_front();
      }
      const Nanos wait = interval_ > 0 ? std::max<Nanos>(next - now(), 0) : 100'000'000;
      const timespec timeout = to_timespec(std::min(wait, end - time));
      const int n = ::epoll_pwait2(epoll_, events, std::size(events), &timeout, nullptr);
      for (int i = 0; i < n; ++i) receive(*static_cast<Connection*>(events[i].data.ptr));
      time = now();
    }
    // What has waited until the end took at least as long.
    for (const auto due : due_) took_.push_back(time - due);
    for (const auto& c : connections_) {
      if (interval_ > 0 && c.fd >= 0 && c.waits) took_.push_back(time - c.due);
    }
    std::ranges::sort(took_);
    const auto at = [&](double share) {
      return took_.empty() ? 0.0 : static_cast<double>(took_[static_cast<std::size_t>(share * static_cast<double>(took_.size() - 1))]) / 1e3;
    };
    std::printf("{\"bytes\": %zu, \"answers\": %zu, \"failures\": %zu, \"seconds\": %.4f, \"cpu_seconds\": %.4f, \"p50_us\": %.1f, "
                "\"p99_us\": %.1f}\n",
                bytes_, answers_, failures_, static_cast<double>(time - start) / 1e9,
                static_cast<double>(read_clock(CLOCK_PROCESS_CPUTIME_ID) - cpu) / 1e9, at(0.5), at(0.99));
  }

 private:
  void open(Connection& c) {
    c.fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    ::setsockopt(c.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (::connect(c.fd, reinterpret_cast<const sockaddr*>(&address_), sizeof address_) != 0) give_up("connect");
    if (context_) {
      c.ssl = SSL_new(context_.get());
      SSL_set_fd(c.ssl, c.fd);
      if (SSL_connect(c.ssl) != 1) {
        ERR_print_errors_fp(stderr);
        std::exit(1);
      }
    }
    ::fcntl(c.fd, F_SETFL, ::fcntl(c.fd, F_GETFL) | O_NONBLOCK);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &c;
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, c.fd, &event);
    ++open_;
  }

  void close(Connection& c) {
    ERR_clear_error();
    SSL_free(c.ssl);
    ::close(c.fd);
    c.ssl = nullptr;
    c.fd = -1;
    c.in_body = c.waits = false;
    c.head.clear();
    --open_;
  }

  void lost(Connection& c) {
    ++failures_;
    std::erase(free_, &c);
    close(c);
  }

  /// Servers close connections that have had many requests.
  void open_again(Connection& c) {
    close(c);
    open(c);
  }

  void send(Connection& c, Nanos due) {
    c.due = due;
    c.waits = true;
    // A request fits into any socket buffer that is empty, as this one is.
    const auto size = static_cast<int>(request_.size());
    const auto sent = c.ssl != nullptr ? SSL_write(c.ssl, request_.data(), size)
                                       : static_cast<int>(::send(c.fd, request_.data(), request_.size(), MSG_NOSIGNAL));
    if (sent != size) lost(c);
  }

  /// How many bytes came; 0: nothing now; -1: it has ended.
  int read(Connection& c) {
    if (c.ssl == nullptr) {
      const auto n = ::recv(c.fd, buffer_, sizeof buffer_, 0);
      if (n > 0) return static_cast<int>(n);
      return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) ? 0 : -1;
    }
    const int n = SSL_read(c.ssl, buffer_, sizeof buffer_);
    if (n > 0) return n;
    return SSL_get_error(c.ssl, n) == SSL_ERROR_WANT_READ ? 0 : -1;
  }

  void receive(Connection& c) {
    // Not for ever: the others have their turn.
    for (int turn = 0; c.fd >= 0 && (turn < 64 || (c.ssl != nullptr && SSL_pending(c.ssl) > 0)); ++turn) {
      const int n = read(c);
      if (n == 0) return;
      if (n < 0 && !c.waits) return open_again(c);  // it stays among the free ones
      if (n < 0 || !c.waits) return lost(c);
      take(c, {buffer_, static_cast<std::size_t>(n)});
    }
  }

  void take(Connection& c, std::string_view data) {
    bytes_ += data.size();
    if (!c.in_body) {
      c.head += data;
      const auto end = c.head.find("\r\n\r\n");
      if (end == std::string::npos) return;
      std::string lower = c.head.substr(0, end + 2);
      std::ranges::transform(lower, lower.begin(), [](unsigned char ch) { return std::tolower(ch); });
      constexpr std::string_view kLength = "\r\ncontent-length: ";
      const auto at = lower.find(kLength);
      if (at == std::string::npos) return lost(c);
      std::from_chars(lower.data() + at + kLength.size(), lower.data() + lower.size(), c.body);
      c.ok = lower.starts_with("http/1.1 200 ");
      c.last = lower.find("\r\nconnection: close\r\n") != std::string::npos;
      c.in_body = true;
      data = data.substr(data.size() - (c.head.size() - end - 4));
    }
    c.body -= std::min(c.body, data.size());
    if (c.body > 0) return;
    c.in_body = c.waits = false;
    c.head.clear();
    if (!c.ok) ++failures_;
    ++answers_;
    if (std::exchange(c.last, false)) open_again(c);
    if (interval_ == 0) return send(c, now());
    took_.push_back(now() - c.due);
    free_.push_back(&c);
  }

  std::shared_ptr<SSL_CTX> context_;
  int epoll_;
  sockaddr_in address_{};
  std::string request_;
  Nanos interval_ = 0;
  std::vector<Connection> connections_;
  std::deque<Connection*> free_;
  std::deque<Nanos> due_;
  std::vector<Nanos> took_;
  std::size_t bytes_ = 0, answers_ = 0, failures_ = 0, open_ = 0;
  char buffer_[256 * 1024];
};

}  // namespace

int main(int argc, char** argv) {
  const Arguments arguments(argc, argv);
  ::signal(SIGPIPE, SIG_IGN);
  const auto load = std::make_unique<Load>(arguments);
  load->run(std::clamp(arguments.number("milliseconds"), 1L, kMaxMilliseconds) * 1'000'000);
}
