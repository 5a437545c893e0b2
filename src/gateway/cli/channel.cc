#include "gateway/cli/channel.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace postern::gateway::cli {
namespace {

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto n = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

bool read_all(int fd, char* out, std::size_t size) {
  while (size > 0) {
    const auto n = recv(fd, out, size, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    out += n;
    size -= static_cast<std::size_t>(n);
  }
  return true;
}

}  // namespace

Result<std::unique_ptr<Channel>> Channel::connect(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return fail(ErrorCode::kInvalidArgument, "the socket's path is empty or too long: " + path);
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return fail(ErrorCode::kUnavailable, std::string("no socket: ") + std::strerror(errno));
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) {
    const int error = errno;
    close(fd);
    if (error == EACCES || error == EPERM) {
      return fail(ErrorCode::kPermissionDenied,
                  "not allowed to use " + path + " (are you an administrator of this machine?)");
    }
    return fail(ErrorCode::kNotFound, "nobody listens at " + path + " (is the gateway running?)");
  }
  return std::unique_ptr<Channel>(new Channel(fd));
}

Channel::~Channel() { close(fd_); }

Result<Response> Channel::ask(const Request& request) {
  const std::string body = encode(request);
  std::string frame(4, '\0');
  for (std::size_t i = 0; i < 4; ++i) frame[i] = static_cast<char>((body.size() >> (8 * i)) & 0xff);
  const auto gone = fail(ErrorCode::kUnavailable, "the gateway closed the connection (did it stop?)");
  if (!write_all(fd_, frame + body)) return gone;
  unsigned char head[4];
  if (!read_all(fd_, reinterpret_cast<char*>(head), 4)) return gone;
  std::size_t size = 0;
  for (std::size_t i = 0; i < 4; ++i) size |= static_cast<std::size_t>(head[i]) << (8 * i);
  if (size > kMaxMessage) return fail(ErrorCode::kDataLoss, "the gateway's answer is too large");
  std::string answer(size, '\0');
  if (!read_all(fd_, answer.data(), size)) return gone;
  return decode_response(answer);
}

}  // namespace postern::gateway::cli
