#include "ecshm/channel.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/file.h"
#include "ecshm/ecshm.h"

namespace postern::ecshm {
namespace {

constexpr std::size_t kMaxWorkers = 256;
/// Messages taken from one worker before the others get their turn.
constexpr int kMessagesPerTurn = 256;
/// Likewise of events; more than a ring's worth of those of usual requests.
constexpr std::uint32_t kEventsPerTurn = 16'384;
/// What epoll tells us of; workers have their own numbers.
constexpr std::uint64_t kListener = 0;
constexpr std::uint64_t kTimer = ~std::uint64_t{0};

Result<sockaddr_un> socket_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return fail(ErrorCode::kInvalidArgument,
                path + ": too long for the name of a socket; use a shorter directory");
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

bool send_message(int fd, const Message& message, int attached) {
  iovec data{const_cast<Message*>(&message), sizeof message};
  msghdr header{};
  header.msg_iov = &data;
  header.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  if (attached >= 0) {
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    auto* c = CMSG_FIRSTHDR(&header);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(c), &attached, sizeof attached);
  }
  return sendmsg(fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL) == static_cast<ssize_t>(sizeof message);
}

Message of_type(MessageType type, const Sha256& leaf = {}) {
  Message out;
  out.type = static_cast<std::uint32_t>(type);
  out.leaf = leaf;
  return out;
}

enum class Received { kMessage, kNothing, kGone };

Received receive_message(int fd, Message& message, int* attached) {
  iovec data{&message, sizeof message};
  msghdr header{};
  header.msg_iov = &data;
  header.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * 4)] = {};
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  ssize_t n;
  do {
    n = recvmsg(fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  } while (n < 0 && errno == EINTR);
  if (n < 0) return errno == EAGAIN ? Received::kNothing : Received::kGone;
  for (auto* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int got;
      std::memcpy(&got, CMSG_DATA(c) + i * sizeof(int), sizeof got);
      if (attached != nullptr && *attached < 0) {
        *attached = got;
      } else {
        ::close(got);
      }
    }
  }
  if (n == 0) return Received::kGone;
  // Somebody who sends anything else is not of our build.
  return n == static_cast<ssize_t>(sizeof message) && message.version == kMessageVersion ? Received::kMessage
                                                                           : Received::kGone;
}

}  // namespace

std::optional<ClearOrder> clear_order(const Message& message) {
  if (message.type != static_cast<std::uint32_t>(MessageType::kClear) || message.has_leaf > 1 ||
      message.kind >= kSessionKinds || (message.family != 0 && message.family != 4 && message.family != 6))
    return std::nullopt;
  ClearOrder out;
  out.ticket = message.ticket;
  if (message.has_leaf != 0) out.leaf = message.leaf;
  out.proxy = message.proxy;
  out.policy = message.policy;
  out.api_gateway = message.api_gateway;
  out.server = message.server;
  out.destination.assign(message.destination, strnlen(message.destination, sizeof message.destination));
  out.kind = static_cast<SessionKind>(message.kind);
  std::array<std::uint8_t, 16> address;
  std::memcpy(address.data(), message.source, address.size());
  if (message.family == 4) out.source = IpAddress::v4({address[0], address[1], address[2], address[3]});
  if (message.family == 6) out.source = IpAddress::v6(address);
  out.administrator.assign(message.administrator, strnlen(message.administrator, sizeof message.administrator));
  return out;
}

// ---- the gateway's end

Hub::Hub(int dir, int listener, int epoll, int timer, HubOptions options)
    : dir_(dir), listener_(listener), epoll_(epoll), timer_(timer), options_(std::move(options)) {}

Hub::~Hub() {
  for (auto& [id, worker] : workers_) ::close(worker.fd);
  ::close(listener_);
  ::close(epoll_);
  ::close(timer_);
  unlinkat(dir_, ECSHM_SOCKET, 0);
  ::close(dir_);
}

Result<std::unique_ptr<Hub>> Hub::listen(const std::filesystem::path& dir, HubOptions options) {
  const auto path = dir / ECSHM_SOCKET;
  auto address = socket_address(path.string());
  if (!address) return fail(address.error());
  const int dir_fd = open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (dir_fd < 0) return fail(errno_error(errno, "opening", dir));
  const int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  const int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  std::unique_ptr<Hub> hub(new Hub(dir_fd, listener, epoll, timer, std::move(options)));
  if (listener < 0 || epoll < 0 || timer < 0) return fail(errno_error(errno, "making", path));
  // Only one writer runs in this directory (its lock), so that a socket found here is a dead one's.
  if (unlink(path.c_str()) != 0 && errno != ENOENT)
    return fail(errno_error(errno, "removing", path));
  if (bind(listener, reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0) {
    return fail(errno_error(errno, "listening on", path));
  }
  if (hub->options_.reader_group != static_cast<gid_t>(-1) &&
      chown(path.c_str(), static_cast<uid_t>(-1), hub->options_.reader_group) != 0) {
    return fail(errno_error(errno, "giving workers access to", path));
  }
  if (chmod(path.c_str(), 0660) != 0 || ::listen(listener, 64) != 0) {
    return fail(errno_error(errno, "listening on", path));
  }
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = kListener;
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) != 0)
    return fail(errno_error(errno, "watching", path));
  event.data.u64 = kTimer;
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &event) != 0)
    return fail(errno_error(errno, "watching", path));
  return hub;
}

Status Hub::missing() const {
  for (const char* name : {ECSHM_FILE, ECSHM_POLICY_FILE, ECSHM_SOCKET}) {
    if (faccessat(dir_, name, F_OK, 0) != 0 && errno == ENOENT) {
      return fail(ErrorCode::kNotFound, std::string(name) + " of the runtime directory's shm is gone");
    }
  }
  return {};
}

void Hub::accept_workers() {
  for (;;) {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return;
    ucred who{};
    socklen_t size = sizeof who;
    const bool known =
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0 &&
        (who.uid == geteuid() || std::find(options_.workers.begin(), options_.workers.end(),
                                           who.uid) != options_.workers.end());
    Worker worker{next_id_, fd, std::nullopt};
    epoll_event event{};
    event.events = EPOLLIN | EPOLLRDHUP;
    event.data.u64 = worker.id;
    if (!known || workers_.size() >= kMaxWorkers ||
        epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) {
      ::close(fd);
      continue;
    }
    ++next_id_;
    workers_.emplace(worker.id, std::move(worker));
  }
}

void Hub::handle() {
  epoll_event events[32];
  const int count = epoll_wait(epoll_, events, 32, 0);
  bool look = false;
  for (int i = 0; i < count; ++i) {
    if (events[i].data.u64 == kListener) {
      accept_workers();
    } else if (events[i].data.u64 == kTimer) {
      look = true;
    } else if (const auto it = workers_.find(events[i].data.u64); it != workers_.end()) {
      // Whatever its messages say, it may have events too: a nudge does not fit into a full socket.
      const bool there = receive(it->second);
      drain(it->second);
      if (!there) remove(it->first);
    }
  }
  if (look) {
    std::uint64_t ran_out;
    if (read(timer_, &ran_out, sizeof ran_out) == static_cast<ssize_t>(sizeof ran_out))
      dozing_ = false;
    for (auto& [id, worker] : workers_) drain(worker);
  }
  end_of_batch();
}

bool Hub::receive(Worker& worker) {
  for (int n = 0; n < kMessagesPerTurn; ++n) {
    Message message;
    int attached = -1;
    const auto got = receive_message(worker.fd, message, &attached);
    if (got == Received::kMessage &&
        message.type == static_cast<std::uint32_t>(MessageType::kHello) && attached >= 0 &&
        !worker.events) {
      auto events = EventConsumer::open(attached);
      ::close(attached);
      if (!events) return false;
      worker.events.emplace(std::move(*events));
      continue;
    }
    if (attached >= 0) ::close(attached);
    if (got == Received::kNothing) return true;
    if (got == Received::kGone) return false;
    switch (static_cast<MessageType>(message.type)) {
      case MessageType::kAsk:
        if (on_ask) on_ask(message.leaf);
        break;
      case MessageType::kCleared:
        if (on_cleared) on_cleared(worker.id, message.ticket, message.number);
        break;
      case MessageType::kTally:
        if (on_tally) on_tally(worker.id, {message.server, message.number, message.requests, message.failures});
        break;
      case MessageType::kEvents:
        break;  // Drained after the messages.
      default:
        return false;
    }
  }
  return true;
}

void Hub::remove(std::uint64_t id) {
  const auto it = workers_.find(id);
  if (it->second.events) dropped_before_ += it->second.events->dropped();
  ::close(it->second.fd);
  workers_.erase(it);
  if (on_gone) on_gone(id);
}

std::uint32_t Hub::take(Worker& worker) {
  // A worker that writes without end must not keep the gateway.
  std::uint32_t n = 0;
  for (; n < kEventsPerTurn; ++n) {
    const auto event = worker.events->pop();
    if (!event) break;
    if (on_event) on_event(worker.id, *event);
  }
  taken_ = taken_ || n > 0;
  return n;
}

// No event is left behind: when this returns, the doze's timer runs, or `Rest::kSleep` was written
// and the ring found empty after that, so that the worker nudges with the next event.
void Hub::drain(Worker& worker) {
  if (!worker.events) return;
  const bool busy = take(worker) > 0;
  worker.events->rest(busy ? Rest::kDoze : Rest::kSleep);
  // What came before the worker could see that.
  if (take(worker) > 0 || busy) doze();
}

void Hub::drain() {
  for (auto& [id, worker] : workers_) drain(worker);
  end_of_batch();
}

void Hub::doze() {
  if (dozing_) return;
  itimerspec once{};
  once.it_value.tv_nsec = std::chrono::nanoseconds(kDoze).count();
  dozing_ = timerfd_settime(timer_, 0, &once, nullptr) == 0;
}

void Hub::end_of_batch() {
  if (std::exchange(taken_, false) && on_drained) on_drained();
}

void Hub::send_all(const Message& message) {
  // A full socket means that the worker has wake-ups waiting already; a dead one is noticed by
  // `handle`.
  for (auto& [id, worker] : workers_) send_message(worker.fd, message, -1);
}

void Hub::wake() { send_all(of_type(MessageType::kWake)); }

void Hub::answer(const Sha256& leaf) {
  send_all(of_type(MessageType::kAnswer, leaf));
}

std::set<std::uint64_t> Hub::clear(const ClearOrder& order) {
  auto message = of_type(MessageType::kClear, order.leaf.value_or(Sha256{}));
  message.ticket = order.ticket;
  message.proxy = order.proxy;
  message.policy = order.policy;
  message.api_gateway = order.api_gateway;
  message.server = order.server;
  order.destination.copy(message.destination, sizeof message.destination - 1);
  message.has_leaf = order.leaf ? 1 : 0;
  message.kind = static_cast<std::uint8_t>(order.kind);
  if (order.source.valid()) {
    message.family = order.source.is_v4() ? 4 : 6;
    std::memcpy(message.source, order.source.bytes().data(), sizeof message.source);
  }
  order.administrator.copy(message.administrator, sizeof message.administrator - 1);
  std::set<std::uint64_t> told;
  for (auto& [id, worker] : workers_) {
    (void)send_message(worker.fd, message, -1);  // one that does not read them counts as one that does not answer
    told.insert(id);
  }
  return told;
}

std::uint64_t Hub::dropped_events() const {
  auto sum = dropped_before_;
  for (const auto& [id, worker] : workers_) {
    if (worker.events) sum += worker.events->dropped();
  }
  return sum;
}

// ---- the worker's end

Status Link::connect(const std::string& dir, const EventProducer& events) {
  close();
  const auto path = dir + "/" ECSHM_SOCKET;
  auto address = socket_address(path);
  if (!address) return fail(address.error());
  const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return fail(errno_error(errno, "connecting to", path));
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0) {
    const auto error = errno_error(errno, "connecting to", path);
    ::close(fd);
    return fail(error);
  }
  fd_ = fd;
  if (!send_message(fd_, of_type(MessageType::kHello), events.fd())) {
    const auto error = errno_error(errno, "greeting the gateway over", path);
    close();
    return fail(error);
  }
  return {};
}

bool Link::ask(const Sha256& leaf) {
  return connected() &&
         send_message(fd_, of_type(MessageType::kAsk, leaf), -1);
}

void Link::nudge() {
  if (connected()) send_message(fd_, of_type(MessageType::kEvents), -1);
}

void Link::cleared(std::uint32_t ticket, std::uint32_t ended) {
  if (!connected()) return;
  auto message = of_type(MessageType::kCleared);
  message.ticket = ticket;
  message.number = ended;
  send_message(fd_, message, -1);
}

bool Link::tally(const ServerTally& tally) {
  if (!connected()) return false;
  auto message = of_type(MessageType::kTally);
  message.server = tally.number;
  message.number = tally.in_use;
  message.requests = tally.requests;
  message.failures = tally.failures;
  return send_message(fd_, message, -1);
}

std::optional<Message> Link::receive() {
  if (!connected()) return std::nullopt;
  Message message;
  switch (receive_message(fd_, message, nullptr)) {
    case Received::kMessage:
      return message;
    case Received::kNothing:
      return std::nullopt;
    case Received::kGone:
      close();
      break;
  }
  return std::nullopt;
}

void Link::close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

}  // namespace postern::ecshm
