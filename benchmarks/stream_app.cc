// The application behind the access proxy in benchmarks: /stream sends a piece each millisecond for as long as anybody
// reads (larger than what a proxy would wait to fill a packet with), everything else is an answer of one kilobyte.
// HTTP/1.1 with connections kept, a thread for each.
//
// Usage: stream_app --address A --port N --ready FILE     FILE is made once it listens
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <thread>

#include "arguments.h"
#include "timing.h"

namespace {

using namespace postern::bench;

constexpr Nanos kEvery = 1'000'000;
constexpr std::size_t kMaxHead = 16 * 1024;

bool send_all(int fd, std::string_view data) {
  while (!data.empty()) {
    const auto n = ::send(fd, data.data(), data.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    data.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

void stream(int fd) {
  if (!send_all(fd, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n")) return;
  const auto piece = "600\r\n" + std::string(0x600, '.') + "\r\n";
  for (Nanos next = now();; next += kEvery) {
    sleep_until(next);
    if (!send_all(fd, piece)) return;
  }
}

void serve(int fd) {
  const std::string page = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1024\r\n\r\n" +
                           std::string(1023, '.') + "\n";
  std::string head;
  char buffer[4096];
  for (;;) {
    const auto end = head.find("\r\n\r\n");
    if (end == std::string::npos) {
      const auto n = ::recv(fd, buffer, sizeof buffer, 0);
      if (n <= 0 || head.size() > kMaxHead) break;
      head.append(buffer, static_cast<std::size_t>(n));
      continue;
    }
    const bool streams = head.starts_with("GET /stream");
    head.erase(0, end + 4);  // Benchmarks send no bodies.
    if (streams) {
      stream(fd);
      break;
    }
    if (!send_all(fd, page)) break;
  }
  ::close(fd);
}

}  // namespace

int main(int argc, char** argv) {
  const Arguments arguments(argc, argv);
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(arguments.number("port")));
  if (::inet_pton(AF_INET, arguments.text("address").c_str(), &address.sin_addr) != 1) give_up("--address");
  if (::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) give_up("bind");
  if (::listen(listener, 1024) != 0) give_up("listen");
  if (FILE* ready = std::fopen(arguments.text("ready").c_str(), "w")) std::fclose(ready);
  for (;;) {
    const int fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    std::thread(serve, fd).detach();
  }
}
