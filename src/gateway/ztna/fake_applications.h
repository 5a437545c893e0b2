#pragma once
// For tests: applications behind an access proxy, each on a port of its own, with a thread of its own.
#include <cstddef>
#include <cstdint>
#include <semaphore>
#include <thread>
#include <vector>

#include "gateway/ztna/loopback_lab.h"

namespace postern::gateway {

/// An application that sends its answer in two pieces, the second one when it is told to. The path says how the client
/// knows its end: /length, /chunked, or anything else by the connection's end.
class TwoPieces {
 public:
  TwoPieces();
  ~TwoPieces();
  std::uint16_t port() const { return listener_.port(); }
  void go_on() { second_.release(); }

 private:
  void serve(int fd);

  LoopbackListener listener_;
  std::counting_semaphore<> second_{0};
  std::thread thread_;
};

/// An application as careless as one can be: it never reads a body, so that its bytes become the next request, and
/// keeps every connection whatever it is asked. It answers with the number of the connection and the head that it saw.
class Careless {
 public:
  Careless();
  ~Careless();
  std::uint16_t port() const { return listener_.port(); }

 private:
  static void serve(int fd, std::size_t number);

  LoopbackListener listener_;
  std::vector<int> connections_;  // the accepting thread's until that has ended
  std::vector<std::thread> serving_;
  std::thread thread_;
};

}  // namespace postern::gateway
