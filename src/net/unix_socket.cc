#include "net/unix_socket.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <cstring>
#include <deque>

#include <fmt/format.h>

#include "base/file.h"
#include "net/detail/state.h"

namespace postern::net {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using Socket = asio::local::stream_protocol::socket;

std::string frame(const std::string& message) {
  std::string out;
  const auto size = static_cast<std::uint32_t>(message.size());
  for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>(size >> shift & 0xff);
  return out + message;
}
std::uint32_t frame_size(const unsigned char* head) {
  return head[0] | head[1] << 8 | head[2] << 16 | static_cast<std::uint32_t>(head[3]) << 24;
}

class Connection final : public UnixConnection, public std::enable_shared_from_this<Connection> {
 public:
  Connection(Socket socket, std::size_t max_message) : socket_(std::move(socket)), max_(max_message) {
    ucred credentials{};
    socklen_t size = sizeof credentials;
    if (getsockopt(socket_.native_handle(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0) {
      peer_ = {credentials.pid, credentials.uid, credentials.gid};
    }
  }
  void start() { read_head(); }
  void send(std::string message) override {
    if (closed_ || closing_) return;
    queue_.push_back(frame(message));
    queued_ += queue_.back().size();
    if (queue_.size() == 1) write();
  }
  void close() override {
    closing_ = true;
    if (queue_.empty()) finish();
  }
  void abort() override {
    const auto self = shared_from_this();  // on_close may give up the last one
    finish();
  }
  const PeerCredentials& peer() const override { return peer_; }
  std::size_t queued_bytes() const override { return queued_; }

 private:
  void read_head() {
    asio::async_read(socket_, asio::buffer(head_), [self = shared_from_this()](error_code ec, std::size_t) {
      if (ec) return self->finish();
      const auto size = frame_size(self->head_);
      if (size > self->max_) return self->finish();
      self->body_.resize(size);
      asio::async_read(self->socket_, asio::buffer(self->body_), [self](error_code ec2, std::size_t) {
        if (ec2) return self->finish();
        const auto callback = self->on_message;
        if (callback) callback(std::move(self->body_));
        if (!self->closed_) self->read_head();
      });
    });
  }
  void write() {
    asio::async_write(socket_, asio::buffer(queue_.front()), [self = shared_from_this()](error_code ec, std::size_t n) {
      if (ec) return self->finish();
      self->queued_ -= n;
      self->queue_.pop_front();
      if (!self->queue_.empty()) return self->write();
      if (self->closing_) self->finish();
    });
  }
  void finish() {
    if (std::exchange(closed_, true)) return;
    error_code ignored;
    socket_.close(ignored);
    const auto callback = std::exchange(on_close, nullptr);
    on_message = nullptr;
    if (callback) callback();
  }

  Socket socket_;
  std::size_t max_;
  PeerCredentials peer_;
  unsigned char head_[4];
  std::string body_;
  std::deque<std::string> queue_;
  std::size_t queued_ = 0;
  bool closing_ = false;
  bool closed_ = false;
};

bool somebody_listens(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool good = ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  ::close(fd);
  return good;
}

class UnixServerImpl final : public UnixServer, public std::enable_shared_from_this<UnixServerImpl> {
 public:
  UnixServerImpl(Loop& loop, std::string path, std::function<void(UnixConnectionPtr)> on_connection, std::size_t max)
      : acceptor_(std::make_shared<asio::local::stream_protocol::acceptor>(loop.state().io)),
        path_(std::move(path)), on_connection_(std::make_shared<std::function<void(UnixConnectionPtr)>>(std::move(on_connection))),
        max_(max) {}
  ~UnixServerImpl() override {
    error_code ignored;
    acceptor_->close(ignored);
    *on_connection_ = nullptr;
    ::unlink(path_.c_str());
  }
  Status open(mode_t mode) {
    error_code ec;
    acceptor_->open({}, ec);
    // Made with its final rights: nobody may connect in between.
    const auto old = ::umask(static_cast<mode_t>(~mode & 0777));
    if (!ec) acceptor_->bind(asio::local::stream_protocol::endpoint(path_), ec);
    ::umask(old);
    if (!ec) acceptor_->listen(128, ec);
    if (ec) return fail(errno_error(ec.value(), "listening on", path_));
    accept(acceptor_, on_connection_, max_);
    return {};
  }

 private:
  static void accept(std::shared_ptr<asio::local::stream_protocol::acceptor> acceptor,
                     std::shared_ptr<std::function<void(UnixConnectionPtr)>> callback, std::size_t max) {
    auto& ref = *acceptor;
    ref.async_accept([acceptor, callback, max](error_code ec, Socket socket) {
      if (ec == asio::error::operation_aborted || !acceptor->is_open()) return;
      if (!ec) {
        auto connection = std::make_shared<Connection>(std::move(socket), max);
        if (*callback) (*callback)(connection);
        connection->start();
      }
      accept(acceptor, callback, max);
    });
  }
  std::shared_ptr<asio::local::stream_protocol::acceptor> acceptor_;
  std::string path_;
  std::shared_ptr<std::function<void(UnixConnectionPtr)>> on_connection_;
  std::size_t max_;
};

Error connect_error(int error, const std::string& path) {
  if (error == ENOENT || error == ECONNREFUSED) {
    return {ErrorCode::kNotFound, fmt::format("nothing listens on {}: is the daemon running?", path)};
  }
  return errno_error(error, "connecting to", path);
}

}  // namespace

Status make_way_for_socket(const std::string& path) {
  if (path.size() >= sizeof(sockaddr_un{}.sun_path)) {
    return fail(ErrorCode::kInvalidArgument, fmt::format("{} is too long for a socket (107 characters at most)", path));
  }
  struct stat st {};
  if (::lstat(path.c_str(), &st) == 0) {
    if (!S_ISSOCK(st.st_mode)) return fail(ErrorCode::kAlreadyExists, fmt::format("{} is there and no socket", path));
    if (somebody_listens(path)) return fail(ErrorCode::kAlreadyExists, fmt::format("another process listens on {}", path));
    ::unlink(path.c_str());
  }
  return {};
}

Result<std::unique_ptr<UnixServer>> UnixServer::listen(Loop& loop, const std::string& path, mode_t mode,
                                                       std::function<void(UnixConnectionPtr)> on_connection,
                                                       std::size_t max_message) {
  if (auto made = make_way_for_socket(path); !made) return fail(made.error());
  auto server = std::make_unique<UnixServerImpl>(loop, path, std::move(on_connection), max_message);
  if (auto opened = server->open(mode); !opened) return fail(opened.error());
  return std::unique_ptr<UnixServer>(std::move(server));
}

Result<UnixConnectionPtr> connect_unix(Loop& loop, const std::string& path, std::size_t max_message) {
  Socket socket(loop.state().io);
  error_code ec;
  socket.connect(asio::local::stream_protocol::endpoint(path), ec);
  if (ec) return fail(connect_error(ec.value(), path));
  auto connection = std::make_shared<Connection>(std::move(socket), max_message);
  loop.post([connection] { connection->start(); });
  return UnixConnectionPtr(connection);
}

Result<std::string> unix_call(const std::string& path, const std::string& message, std::chrono::seconds limit,
                              const std::string& told, Patience& patience) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return fail(ErrorCode::kInvalidArgument, path + " is too long for a socket");
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return fail(errno_error(errno, "connecting to", path));
  const std::shared_ptr<void> closer(nullptr, [fd](void*) { ::close(fd); });
  const auto silent = [&path] { return fail(ErrorCode::kDeadlineExceeded, path + " did not answer in time"); };
  const int error = connect_to(fd, address, patience, limit, told);
  if (error == EAGAIN) return silent();
  if (error != 0) return fail(connect_error(error, path));
  const auto text = frame(message);
  for (std::size_t done = 0; done < text.size();) {
    const auto n = ::send(fd, text.data() + done, text.size() - done, MSG_NOSIGNAL);
    // It has closed already: it may have said why.
    if (n < 0 && (errno == EPIPE || errno == ECONNRESET)) break;
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      if (!wait_for(patience, fd, POLLOUT, limit, told)) return silent();
      continue;
    }
    if (n <= 0) return fail(errno_error(errno, "sending to", path));
    done += static_cast<std::size_t>(n);
  }
  std::string in;
  for (;;) {
    if (in.size() >= 4) {
      const auto size = frame_size(reinterpret_cast<const unsigned char*>(in.data()));
      if (size > (64u << 20)) return fail(ErrorCode::kDataLoss, path + " sent an impossible answer");
      if (in.size() >= 4u + size) return in.substr(4, size);
    }
    char buffer[65536];
    const auto n = ::recv(fd, buffer, sizeof buffer, 0);
    if (n > 0) {
      in.append(buffer, static_cast<std::size_t>(n));
    } else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      if (!wait_for(patience, fd, POLLIN, limit, told)) return silent();
    } else if (n == 0 || errno != EINTR) {
      return fail(ErrorCode::kUnavailable, path + " closed the connection without an answer");
    }
  }
}

}  // namespace postern::net
