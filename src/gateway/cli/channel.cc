#include "gateway/cli/channel.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace postern::gateway::cli {
namespace {

tl::unexpected<Error> gone() {
  return fail(ErrorCode::kUnavailable, "the gateway closed the connection (did it stop?)");
}

tl::unexpected<Error> stands_still() {
  return fail(ErrorCode::kDeadlineExceeded,
              fmt::format("the gateway has not answered for {} seconds: its process stands still or is stuck. Look at it "
                          "(ps -o pid,stat,cmd -C postern-gateway) and at its log: one that was stopped (T) goes on with "
                          "kill -CONT, else restart it. Whether it has carried out the command is not known; look before "
                          "you repeat it",
                          kSilenceEnds.count()));
}

std::string silent() {
  return fmt::format("the gateway has not answered for {} seconds; waiting for {} more", kSilenceTold.count(),
                     (kSilenceEnds - kSilenceTold).count());
}

bool answers(Patience& patience, int fd, short events) {
  return net::wait_for(patience, fd, events, kSilenceEnds, silent());
}

}  // namespace

Result<std::unique_ptr<Channel>> Channel::connect(const std::string& path, Patience& patience) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return fail(ErrorCode::kInvalidArgument, "the socket's path is empty or too long: " + path);
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return fail(ErrorCode::kUnavailable, std::string("no socket: ") + errno_text(errno));
  const int error = net::connect_to(fd, address, patience, kSilenceEnds, silent());
  if (error == 0) return std::unique_ptr<Channel>(new Channel(fd, patience));
  close(fd);
  if (error == EAGAIN) return stands_still();
  if (error == EACCES || error == EPERM) {
    return fail(ErrorCode::kPermissionDenied,
                "not allowed to use " + path + " (are you an administrator of this machine?)");
  }
  return fail(ErrorCode::kNotFound, "nobody listens at " + path + " (is the gateway running?)");
}

Channel::~Channel() { close(fd_); }

Status Channel::write_all(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto n = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(n));
    } else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      if (!answers(patience_, fd_, POLLOUT)) return stands_still();
    } else if (n == 0 || errno != EINTR) {
      return gone();
    }
  }
  return {};
}

Status Channel::read_all(char* out, std::size_t size) {
  while (size > 0) {
    const auto n = recv(fd_, out, size, 0);
    if (n > 0) {
      out += n;
      size -= static_cast<std::size_t>(n);
    } else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      if (!answers(patience_, fd_, POLLIN)) return stands_still();
    } else if (n == 0 || errno != EINTR) {
      return gone();
    }
  }
  return {};
}

Result<std::string> Channel::read_message() {
  unsigned char head[4];
  if (auto read = read_all(reinterpret_cast<char*>(head), sizeof head); !read) return fail(read.error());
  std::size_t size = 0;
  for (std::size_t i = 0; i < sizeof head; ++i) size |= static_cast<std::size_t>(head[i]) << (8 * i);
  if (size > kMaxMessage) return fail(ErrorCode::kDataLoss, "the gateway's answer is too large");
  std::string message(size, '\0');
  if (auto read = read_all(message.data(), size); !read) return fail(read.error());
  return message;
}

Status Channel::send_request(const Request& request) {
  const std::string body = encode(request);
  std::string frame(4, '\0');
  for (std::size_t i = 0; i < 4; ++i) frame[i] = static_cast<char>((body.size() >> (8 * i)) & 0xff);
  return write_all(frame + body);
}

Result<Response> Channel::receive() {
  for (std::chrono::seconds working{0}; working < kLongestCommand; working += kWorkingEvery) {
    const auto message = read_message();
    if (!message) return fail(message.error());
    auto response = decode_response(*message);
    if (!response || !response->working) return response;
    if (working + kWorkingEvery == kSilenceTold) patience_.say("the gateway is still working on this command");
  }
  return fail(ErrorCode::kDeadlineExceeded,
              fmt::format("the gateway has worked on this command for {} minutes without coming to an end; what it has "
                          "done is not known. Look before you repeat it",
                          std::chrono::duration_cast<std::chrono::minutes>(kLongestCommand).count()));
}

Result<Response> Channel::exchange(const Request& request) {
  cancelled_ = false;
  if (auto sent = send_request(request); !sent) return fail(sent.error());
  auto response = receive();
  if (!response || !cancelled_) return response;
  // That it was cancelled is answered on its own, behind the command.
  auto behind = receive();
  if (!behind) return behind;
  response->prompt = std::move(behind->prompt);
  response->staged = behind->staged;
  response->reply.more = false;
  return response;
}

void Channel::cancel() {
  // An error shows at once in what `ask` waits for.
  if (!std::exchange(cancelled_, true)) static_cast<void>(send_request({Request::Kind::kCancel, ""}));
}

Result<Response> Channel::ask(const Request& request) {
  if (broken_) return fail(*broken_);
  auto response = exchange(request);
  // What comes later would be taken for the answer to another request.
  if (!response) broken_ = response.error();
  return response;
}

}  // namespace postern::gateway::cli
