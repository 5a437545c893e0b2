#include "net/raw_client_lab.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

namespace postern::net {

std::string exchange(Loop& loop, std::uint16_t port, std::string_view text, const std::function<void()>& run) {
  std::string got;
  std::thread client([&] {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(port);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0 &&
        send(fd, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size())) {
      char chunk[4096];
      for (ssize_t n; (n = recv(fd, chunk, sizeof chunk, 0)) > 0;) got.append(chunk, static_cast<std::size_t>(n));
    }
    close(fd);
    loop.stop();
  });
  run();
  client.join();
  return got;
}

}  // namespace postern::net
