#include "gateway/syslog/sender.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <mutex>
#include <thread>
#include <utility>

#include <fmt/format.h>


namespace postern::gateway::syslog {
namespace {

using Steady = std::chrono::steady_clock;

/// A length in front of each message.
void frame(std::string& out, std::string_view message) {
  const auto size = static_cast<std::uint32_t>(message.size());
  out.append(reinterpret_cast<const char*>(&size), sizeof size);
  out += message;
}

std::string_view first_frame(std::string_view frames) {
  std::uint32_t size = 0;
  std::memcpy(&size, frames.data(), sizeof size);
  return frames.substr(sizeof size, size);
}

class Socket {
 public:
  Socket() = default;
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() { reset(); }
  void reset(int fd = -1) {
    if (fd_ >= 0) close(fd_);
    fd_ = fd;
  }
  int fd() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

std::string system_text(int error) { return std::string(std::strerror(error)); }  // NOLINT(concurrency-mt-unsafe)

}  // namespace

struct Sender::State {
  State(Target t, const Options& o) : target(std::move(t)), options(o), wake_fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  ~State() {
    if (wake_fd >= 0) close(wake_fd);
  }

  const Target target;
  const Options options;
  const int wake_fd;  // readable: something was flushed, or the end
  std::mutex mutex;
  std::condition_variable ended;
  // Under the mutex.
  std::string queue;  // frames
  Counters counters;
  std::string trouble;
  bool end = false;
  Steady::time_point deadline{};  // of the last words
  bool has_ended = false;

  // The thread's own.
  Socket socket;
  std::string batch;     // frames under way
  std::size_t done = 0;  // of the batch, in bytes
  Steady::time_point refused{};

  std::string place() const {
    return fmt::format("{} {} port {}", target.reliable ? "TCP" : "UDP", target.server, target.port);
  }
  void wake() const {
    const std::uint64_t one = 1;
    (void)!write(wake_fd, &one, sizeof one);
  }
  void say(std::string text) {
    const std::lock_guard lock(mutex);
    trouble = std::move(text);
  }
  bool ending() {
    const std::lock_guard lock(mutex);
    return end;
  }
  /// How long may be waited: `limit`, or what is left of the last words.
  Millis left(Millis limit) {
    const std::lock_guard lock(mutex);
    if (!end) return limit;
    return std::clamp(std::chrono::duration_cast<Millis>(deadline - Steady::now()), Millis(0), limit);
  }
  bool over() { return ending() && left(Millis(1)) == Millis(0); }

  /// Waits for `events` of the socket. False: not within `limit`.
  bool wait_socket(short events, Millis limit) {
    const auto until = Steady::now() + limit;
    for (;;) {
      const auto rest = std::chrono::duration_cast<Millis>(until - Steady::now());
      if (rest <= Millis(0) || over()) return false;
      // In pieces, so that the end is noticed; a wake-up for each batch would make it spin.
      pollfd one{socket.fd(), events, 0};
      if (poll(&one, 1, static_cast<int>(left(std::min(rest, Millis(100))).count())) > 0) return true;
    }
  }
  /// Waits for something to do. True: it may be that the server has closed the connection.
  bool wait_work(Millis limit) {
    pollfd both[2] = {{wake_fd, POLLIN, 0}, {socket.fd(), POLLIN, 0}};
    poll(both, socket && target.reliable ? 2 : 1, static_cast<int>(limit.count()));
    std::uint64_t count = 0;
    (void)!read(wake_fd, &count, sizeof count);
    return both[1].revents != 0;
  }

  bool connect_to(const addrinfo& address);
  bool open();
  bool closed_by_server();
  bool send_datagram(std::string_view message);
  bool send_stream(std::string_view message);
  bool send_batch();
  void take();
};

bool Sender::State::connect_to(const addrinfo& address) {
  socket.reset(::socket(address.ai_family, address.ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address.ai_protocol));
  if (!socket) {
    say(fmt::format("{}: {}", place(), system_text(errno)));
    return false;
  }
  const auto refuse = [&](int error) {
    say(fmt::format("{}: {}", place(), system_text(error)));
    socket.reset();
    return false;
  };
  if (target.reliable) {
    const int one = 1;
    const auto dead = static_cast<unsigned>(options.stall_timeout.count());
    setsockopt(socket.fd(), SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
    setsockopt(socket.fd(), IPPROTO_TCP, TCP_USER_TIMEOUT, &dead, sizeof dead);
  }
  if (target.source.valid()) {
    sockaddr_storage from{};
    socklen_t size = 0;
    const auto& raw = target.source.bytes();
    if (target.source.is_v4()) {
      auto& in = reinterpret_cast<sockaddr_in&>(from);
      in.sin_family = AF_INET;
      std::memcpy(&in.sin_addr, raw.data(), 4);
      size = sizeof in;
    } else {
      auto& in = reinterpret_cast<sockaddr_in6&>(from);
      in.sin6_family = AF_INET6;
      std::memcpy(&in.sin6_addr, raw.data(), 16);
      size = sizeof in;
    }
    if (bind(socket.fd(), reinterpret_cast<const sockaddr*>(&from), size) != 0) return refuse(errno);
  }
  if (connect(socket.fd(), address.ai_addr, address.ai_addrlen) == 0) return true;
  if (errno != EINPROGRESS) return refuse(errno);
  if (!wait_socket(POLLOUT, options.connect_timeout)) return refuse(ETIMEDOUT);
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(socket.fd(), SOL_SOCKET, SO_ERROR, &error, &size);
  return error == 0 || refuse(error);
}

bool Sender::State::open() {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = target.reliable ? SOCK_STREAM : SOCK_DGRAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(target.server.c_str(), std::to_string(target.port).c_str(), &hints, &found); error != 0) {
    say(fmt::format("{}: the name does not resolve ({})", place(), gai_strerror(error)));
    return false;
  }
  bool connected = false;
  for (const auto* address = found; address != nullptr && !connected && !over(); address = address->ai_next) {
    connected = connect_to(*address);
  }
  freeaddrinfo(found);
  if (connected && target.reliable) say({});
  return connected;
}

/// Servers have nothing to say: what comes is the end, or is thrown away.
bool Sender::State::closed_by_server() {
  char nothing[512];
  for (;;) {
    const auto n = recv(socket.fd(), nothing, sizeof nothing, MSG_DONTWAIT);
    if (n > 0) continue;
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return false;
    say(fmt::format("{}: {}", place(), n == 0 ? std::string("the server closed the connection") : system_text(errno)));
    return true;
  }
}

/// False: the connection is no good. A message that the kernel refuses for itself is done with.
bool Sender::State::send_datagram(std::string_view message) {
  for (int attempt = 0;;) {
    if (send(socket.fd(), message.data(), message.size(), MSG_NOSIGNAL) >= 0) {
      const std::lock_guard lock(mutex);
      ++counters.sent;
      // Nobody answers a datagram: that it is taken is only known by not being refused.
      if (Steady::now() - refused > std::chrono::seconds(5)) trouble.clear();
      return true;
    }
    const int error = errno;
    if (error == EINTR) continue;
    if (error == ECONNREFUSED) {  // of the one before; this one has not been sent
      refused = Steady::now();
      say(fmt::format("{}: nobody listens there", place()));
      if (++attempt < 3) continue;
      return false;
    }
    if (error == EMSGSIZE) {
      const std::lock_guard lock(mutex);
      ++counters.dropped;
      return true;
    }
    if ((error == EAGAIN || error == ENOBUFS) && wait_socket(POLLOUT, options.stall_timeout)) {
      if (error == ENOBUFS) std::this_thread::sleep_for(Millis(1));
      continue;
    }
    say(fmt::format("{}: {}", place(), system_text(error)));
    return false;
  }
}

bool Sender::State::send_stream(std::string_view message) {
  const auto counted = std::to_string(message.size()) + ' ' + std::string(message);
  std::size_t sent = 0;
  while (sent < counted.size()) {
    const auto n = send(socket.fd(), counted.data() + sent, counted.size() - sent, MSG_NOSIGNAL);
    if (n > 0) {
      sent += static_cast<std::size_t>(n);
    } else if (n < 0 && errno == EAGAIN) {
      if (wait_socket(POLLOUT, options.stall_timeout)) continue;
      say(fmt::format("{}: the server takes nothing any more", place()));
      return false;
    } else if (n < 0 && errno != EINTR) {
      say(fmt::format("{}: {}", place(), system_text(errno)));
      return false;
    }
  }
  const std::lock_guard lock(mutex);
  ++counters.sent;
  return true;
}

bool Sender::State::send_batch() {
  while (done < batch.size()) {
    if (over()) return false;
    const auto message = first_frame(std::string_view(batch).substr(done));
    if (!(target.reliable ? send_stream(message) : send_datagram(message))) return false;
    done += sizeof(std::uint32_t) + message.size();
  }
  batch.clear();
  done = 0;
  return true;
}

void Sender::State::take() {
  if (!batch.empty()) return;
  const std::lock_guard lock(mutex);
  std::swap(batch, queue);
  counters.queued = 0;
}

void Sender::run(const std::shared_ptr<State>& s) {
  auto backoff = s->options.backoff_min;
  auto not_before = Steady::now();
  while (!s->over()) {
    if (!s->socket && Steady::now() >= not_before) {
      if (!s->open()) {
        not_before = Steady::now() + backoff;
        backoff = std::min(backoff * 2, s->options.backoff_max);
      }
    }
    if (s->socket) {
      s->take();
      const bool any = !s->batch.empty();
      if (!(s->target.reliable && s->closed_by_server()) && s->send_batch()) {
        if (any) backoff = s->options.backoff_min;
      } else {
        s->socket.reset();
        // A server may take connections and nothing else: only what was sent shows that it is well.
        not_before = Steady::now() + backoff;
        backoff = std::min(backoff * 2, s->options.backoff_max);
      }
    }
    {
      const std::lock_guard lock(s->mutex);
      if (s->end && s->socket && s->batch.empty() && s->queue.empty()) break;
      if (s->socket && !s->queue.empty()) continue;
    }
    const auto pause = s->socket ? Millis(60'000) : std::chrono::duration_cast<Millis>(not_before - Steady::now()) + Millis(1);
    s->wait_work(s->left(std::max(pause, Millis(1))));
  }
  s->socket.reset();
  const std::lock_guard lock(s->mutex);
  s->has_ended = true;
  s->ended.notify_all();
}

Sender::Sender(Target target, const Options& options) : state_(std::make_shared<State>(std::move(target), options)) {
  // The program's signals are its loop's.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread([state = state_] { run(state); }).detach();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Sender::~Sender() {
  flush();
  const std::lock_guard lock(state_->mutex);
  if (state_->end) return;
  state_->end = true;
  state_->deadline = Steady::now() + state_->options.last_words;
  state_->wake();
}

void Sender::add(std::string_view message) {
  frame(pending_, message);
  if (pending_.size() > (64u << 10)) flush();
}

void Sender::flush() {
  if (pending_.empty()) return;
  {
    const std::lock_guard lock(state_->mutex);
    auto& s = *state_;
    if (s.queue.size() + pending_.size() <= s.options.max_queued) {
      s.queue += pending_;
    } else {
      // As many as there is room for.
      std::string_view rest = pending_;
      while (!rest.empty()) {
        const auto size = sizeof(std::uint32_t) + first_frame(rest).size();
        if (s.queue.size() + size <= s.options.max_queued) {
          s.queue += rest.substr(0, size);
        } else {
          ++s.counters.dropped;
        }
        rest.remove_prefix(size);
      }
    }
    s.counters.queued = s.queue.size();
  }
  pending_.clear();
  state_->wake();
}

std::string Sender::give_back() {
  const std::lock_guard lock(state_->mutex);
  state_->counters.queued = 0;
  return std::exchange(state_->queue, {}) + std::exchange(pending_, {});
}

void Sender::take_over(std::string_view waiting) {
  pending_ += waiting;
  flush();
}

std::uint64_t Sender::count(std::string_view waiting) {
  std::uint64_t out = 0;
  for (; !waiting.empty(); ++out) waiting.remove_prefix(sizeof(std::uint32_t) + first_frame(waiting).size());
  return out;
}

void Sender::end() {
  flush();
  std::unique_lock lock(state_->mutex);
  if (!state_->end) {
    state_->end = true;
    state_->deadline = Steady::now() + state_->options.last_words;
    state_->wake();
  }
  state_->ended.wait_for(lock, state_->options.last_words + Millis(100), [this] { return state_->has_ended; });
}

Sender::Counters Sender::counters() const {
  const std::lock_guard lock(state_->mutex);
  return state_->counters;
}

std::string Sender::trouble() const {
  const std::lock_guard lock(state_->mutex);
  return state_->trouble;
}

}  // namespace postern::gateway::syslog
