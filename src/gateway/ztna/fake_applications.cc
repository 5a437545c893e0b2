#include "gateway/ztna/fake_applications.h"

#include <sys/socket.h>
#include <unistd.h>

#include <string>

namespace postern::gateway {

TwoPieces::TwoPieces() {
  thread_ = std::thread([this] {
    for (int fd; (fd = listener_.accept()) >= 0; close(fd)) serve(fd);
  });
}
TwoPieces::~TwoPieces() {
  go_on();
  listener_.stop();
  thread_.join();
}

void TwoPieces::serve(int fd) {
  std::string in;
  char chunk[4096];
  while (in.find("\r\n\r\n") == std::string::npos) {
    const auto n = recv(fd, chunk, sizeof chunk, 0);
    if (n <= 0) return;
    in.append(chunk, static_cast<std::size_t>(n));
  }
  const bool chunked = in.find(" /chunked ") != std::string::npos;
  const auto piece = [&](const std::string& text) {
    const auto bytes = chunked ? "6\r\n" + text + "\r\n" : text;
    send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  };
  std::string head = "HTTP/1.1 200 OK\r\nConnection: close\r\n";
  if (chunked) head += "Transfer-Encoding: chunked\r\n";
  if (in.find(" /length ") != std::string::npos) head += "Content-Length: 12\r\n";
  head += "\r\n";
  send(fd, head.data(), head.size(), MSG_NOSIGNAL);
  piece("first\n");
  second_.acquire();
  piece("second");
  if (chunked) send(fd, "0\r\n\r\n", 5, MSG_NOSIGNAL);
}

Careless::Careless() {
  thread_ = std::thread([this] {
    for (int fd; (fd = listener_.accept()) >= 0;) {
      connections_.push_back(fd);
      serving_.emplace_back([fd, number = connections_.size()] { serve(fd, number); });
    }
  });
}
Careless::~Careless() {
  listener_.stop();
  thread_.join();
  for (const int fd : connections_) shutdown(fd, SHUT_RDWR);
  for (auto& thread : serving_) thread.join();
  for (const int fd : connections_) close(fd);
}

void Careless::serve(int fd, std::size_t number) {
  std::string in;
  for (;;) {
    std::size_t end;
    while ((end = in.find("\r\n\r\n")) == std::string::npos) {
      char chunk[4096];
      const auto n = recv(fd, chunk, sizeof chunk, 0);
      if (n <= 0) return;
      in.append(chunk, static_cast<std::size_t>(n));
    }
    const auto body = "connection " + std::to_string(number) + "\n" + in.substr(0, end);
    in.erase(0, end + 4);
    const auto out = "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    send(fd, out.data(), out.size(), MSG_NOSIGNAL);
  }
}

}  // namespace postern::gateway
