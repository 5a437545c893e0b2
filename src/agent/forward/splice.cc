#include "agent/forward/splice.h"

#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

namespace postern::agent {
namespace {

bool not_yet(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

/// What poll(2) said can be written, of a socket or of anything else, without waiting.
ssize_t write_some(int fd, const char* data, std::size_t size) {
  const auto n = ::send(fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (n >= 0 || errno != ENOTSOCK) return n;
  return ::write(fd, data, std::min<std::size_t>(size, PIPE_BUF));  // so much fits into a pipe that is not full
}

class Direction {
 public:
  Direction(int from, int to) : from_(from), to_(to), buffer_(64u << 10) {}
  short wants_from() const { return open_ && at_ == end_ ? POLLIN : 0; }
  short wants_to() const { return at_ < end_ ? POLLOUT : 0; }
  bool over() const { return !open_ && at_ == end_; }
  /// False: reading failed.
  bool read() {
    const auto n = ::read(from_, buffer_.data(), buffer_.size());
    if (n < 0) return not_yet(errno);
    at_ = 0;
    end_ = static_cast<std::size_t>(n);
    open_ = n > 0;
    return true;
  }
  void end() { open_ = false; }
  /// False: writing failed.
  bool write() {
    const auto n = write_some(to_, buffer_.data() + at_, end_ - at_);
    if (n < 0) return not_yet(errno);
    at_ += static_cast<std::size_t>(n);
    return true;
  }

 private:
  int from_, to_;
  std::vector<char> buffer_;
  std::size_t at_ = 0, end_ = 0;  // what is read and not written yet
  bool open_ = true;
};

}  // namespace

bool splice(int in, int out, int socket) {
  Direction up(in, socket), down(socket, out);
  bool told = false;  // the other end, that nothing follows
  for (;;) {
    if (down.over()) break;
    if (up.over() && !told) {
      ::shutdown(socket, SHUT_WR);
      told = true;
    }
    const short of_in = up.wants_from(), of_out = down.wants_to();
    const auto of_socket = static_cast<short>(up.wants_to() | down.wants_from());
    pollfd fds[3] = {{of_in != 0 ? in : -1, of_in, 0}, {of_out != 0 ? out : -1, of_out, 0}, {of_socket != 0 ? socket : -1, of_socket, 0}};
    if (::poll(fds, 3, -1) < 0) {
      if (errno == EINTR) continue;
      return false;
    }
    const bool failed = (fds[2].revents & (POLLERR | POLLHUP | POLLNVAL)) != 0;
    const bool readable = (of_socket & POLLIN) != 0 && (failed || (fds[2].revents & POLLIN) != 0);
    const bool writable = (of_socket & POLLOUT) != 0 && (failed || (fds[2].revents & POLLOUT) != 0);
    if (fds[0].revents != 0 && !up.read()) up.end();
    if (fds[1].revents != 0 && !down.write()) return false;
    if (readable && !down.read()) return false;
    if (writable && !up.write()) return false;
  }
  ::close(out);
  return true;
}

}  // namespace postern::agent
