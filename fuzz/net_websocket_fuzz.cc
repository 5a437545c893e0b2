// WebSocket frames after the handshake, as a server (first byte even) or client reads them, from a peer that sends them
// and goes.
#include <boost/asio/co_spawn.hpp>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "net/detail/websocket_core.h"

namespace {

using namespace postern;
using namespace postern::net::detail;

class Recorded final : public Transport {
 public:
  explicit Recorded(std::string bytes) : bytes_(std::move(bytes)) {}
  Task<std::size_t> read_some(char* data, std::size_t size, error_code& ec) override {
    const auto n = std::min({size, bytes_.size(), std::size_t{37}});
    bytes_.copy(data, n);
    bytes_.erase(0, n);
    if (n == 0) ec = asio::error::eof;
    co_return n;
  }
  Task<void> write_all(const char*, std::size_t, error_code&) override { co_return; }
  void close() override { bytes_.clear(); }

 private:
  std::string bytes_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  asio::io_context io{1};
  net::WebSocketLimits limits;
  limits.max_message = 4096;
  limits.max_queue = 65536;
  const auto half = bytes.size() / 2;
  auto transport = std::make_shared<Recorded>(bytes.substr(half));
  auto socket = start_websocket(io, transport, data[0] % 2 == 0, bytes.substr(0, half), limits);
  int closed = 0;
  socket->on_message = [&](ByteView message) {
    if (message.size() > limits.max_message || closed > 0) std::abort();
    if (data[0] & 2) socket->send(Bytes(message.begin(), message.end()));
  };
  socket->on_close = [&](std::uint16_t, std::string) { ++closed; };
  io.run();
  if (closed != 1) std::abort();
  return 0;
}
