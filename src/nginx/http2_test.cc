// Streams of HTTP/2 end one by one, or with their connection.
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "nginx/fixture_test.h"

namespace postern::nginx::lab {
namespace {

/// Just enough of HTTP/2: literal headers out, frames in.
class H2 {
 public:
  H2(int port, const Identity& who) : client_(port, &who, "app.example", "h2") {
    std::string hello = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    const std::string window("\x00\x04\x7f\xff\xff\xff",
                             6);  // SETTINGS_INITIAL_WINDOW_SIZE, the largest.
    hello += frame(4, 0, 0, window) + frame(8, 0, 0, std::string("\x7f\xff\x00\x00", 4));
    client_.send(hello);
  }
  void get(std::uint32_t stream, const std::string& path) {
    std::string block;
    for (const auto& [name, value] :
         std::vector<std::pair<std::string, std::string>>{{":method", "GET"},
                                                          {":scheme", "https"},
                                                          {":authority", "app.example"},
                                                          {":path", path}}) {
      block += std::string(1, '\0') + static_cast<char>(name.size()) + name +
               static_cast<char>(value.size()) + value;
    }
    client_.send(frame(1, 0x5, stream, block));
  }
  /// Reads until `done` or the connection ends.
  bool read_until(const std::function<bool()>& done) {
    const auto deadline = Clock::now() + kPatience;
    while (!done()) {
      if (Clock::now() > deadline || client_.end() != End::kOpen) return false;
      in_ += client_.read();
      take_frames();
    }
    return true;
  }
  struct Stream {
    std::size_t data = 0;
    bool ended = false, headers = false;
    int reset = 0;  ///< How often.
  };
  std::map<std::uint32_t, Stream> streams;
  Client& client() { return client_; }

 private:
  static std::string frame(int type, int flags, std::uint32_t stream, const std::string& payload) {
    std::string out;
    for (const int shift : {16, 8, 0}) out += static_cast<char>(payload.size() >> shift & 255);
    out += static_cast<char>(type);
    out += static_cast<char>(flags);
    for (const int shift : {24, 16, 8, 0}) out += static_cast<char>(stream >> shift & 255);
    return out + payload;
  }
  void take_frames() {
    std::size_t at = 0;
    const auto byte = [&](std::size_t i) {
      return static_cast<std::size_t>(static_cast<unsigned char>(in_[at + i]));
    };
    while (in_.size() - at >= 9) {
      const auto size = byte(0) << 16 | byte(1) << 8 | byte(2);
      if (in_.size() - at < 9 + size) break;
      const auto stream =
          static_cast<std::uint32_t>(byte(5) << 24 | byte(6) << 16 | byte(7) << 8 | byte(8));
      auto& s = streams[stream];
      if (byte(3) == 0) s.data += size;
      if (byte(3) == 1) s.headers = true;
      if (byte(3) == 3) ++s.reset;
      if (byte(3) <= 1 && (byte(4) & 1) != 0) s.ended = true;
      at += 9 + size;
    }
    in_.erase(0, at);
  }
  Client client_;
  std::string in_;
};

TEST_F(ModuleTest, AnHttp2StreamEndsWhenItsPolicyIsLost) {
  H2 h2(nginx_->port(), device_);
  h2.get(1, "/long");
  ASSERT_TRUE(h2.read_until([&] { return h2.streams[1].data > 200'000; })) << nginx_->log();
  plane_->put(device_.leaf, changed([](auto& d) { d.tags.reset(kHealthy); }));
  // The stream is reset, or, with much unsent in the socket, the connection: in both cases it ends
  // at once.
  const bool reset = h2.read_until([&] { return h2.streams[1].reset > 0; });
  EXPECT_TRUE(reset || h2.client().end() == End::kReset) << nginx_->log();
  EXPECT_FALSE(h2.streams[1].ended);
}

TEST_F(ModuleTest, AnIdleHttp2StreamIsResetAndTheConnectionGoesOn) {
  // A WebSocket's place in HTTP/2: a request that is open and silent.
  H2 h2(nginx_->port(), device_);
  h2.get(1, "/silent");
  ASSERT_TRUE(h2.read_until([&] { return h2.streams[1].data > 0; })) << nginx_->log();
  plane_->put(device_.leaf, changed([](auto& d) { d.tags.reset(kHealthy); }));
  EXPECT_TRUE(h2.read_until([&] { return h2.streams[1].reset > 0; })) << nginx_->log();
  h2.get(3, "/open/x");
  EXPECT_TRUE(h2.read_until([&] { return h2.streams[3].ended; }))
      << "other policies still let it in";
}

TEST_F(ModuleTest, ManySessionsThatEndTogetherEachSeeOneEndAndAreReportedOnce) {
  H2 h2(nginx_->port(), device_);
  for (const std::uint32_t stream : {1, 3, 5, 7, 9}) h2.get(stream, "/silent");
  std::vector<std::unique_ptr<Client>> sockets;
  for (int i = 0; i < 10; ++i) sockets.push_back(open_websocket());
  const auto all = [&](auto holds) {
    for (const std::uint32_t stream : {1, 3, 5, 7, 9}) {
      if (!holds(h2.streams[stream])) return false;
    }
    return true;
  };
  ASSERT_TRUE(h2.read_until([&] { return all([](auto& s) { return s.data > 0; }); })) << nginx_->log();
  plane_->put(device_.leaf, changed([](auto& d) { d.tags.reset(kHealthy); }));
  EXPECT_TRUE(h2.read_until([&] { return all([](auto& s) { return s.reset > 0; }); })) << nginx_->log();
  for (auto& socket : sockets) EXPECT_EQ(socket->drain(), End::kReset);
  std::set<std::string> ids;
  std::size_t cuts = 0;
  EXPECT_TRUE(wait_for([&] {
    ids.clear();
    cuts = 0;
    for (const auto& event : plane_->events()) {
      if (event.type != EventType::kCut) continue;
      ids.insert(event.id);
      ++cuts;
      EXPECT_EQ(event.reason, Reason::kMissingTag);
    }
    return ids.size() >= 15;
  })) << cuts;
  // The connection goes on, and what it brings next shows that nothing came twice.
  h2.get(11, "/open/x");
  EXPECT_TRUE(h2.read_until([&] { return h2.streams[11].ended; })) << nginx_->log();
  EXPECT_TRUE(all([](auto& s) { return s.reset == 1 && !s.ended; }));
  EXPECT_EQ(ids.size(), 15u);
  EXPECT_EQ(cuts, 15u);
}

TEST_F(ModuleTest, AnAdministratorEndsTheRequestsOfAPolicyOrWholeConnections) {
  H2 h2(nginx_->port(), device_);
  h2.get(1, "/silent");
  ASSERT_TRUE(h2.read_until([&] { return h2.streams[1].data > 0; })) << nginx_->log();
  ecshm::ClearOrder other;
  other.policy = 4711;
  other.administrator = "eve";
  EXPECT_EQ(plane_->clear(other), 0u);
  ecshm::ClearOrder of_policy;
  of_policy.policy = 11;
  of_policy.administrator = "eve";
  EXPECT_EQ(plane_->clear(of_policy), 1u);
  EXPECT_TRUE(h2.read_until([&] { return h2.streams[1].reset > 0; })) << nginx_->log();
  const auto cut = plane_->wait_event([](const ecshm::Event& e) { return e.type == EventType::kCut; });
  ASSERT_TRUE(cut);
  EXPECT_EQ(cut->reason, Reason::kCleared);
  EXPECT_EQ(cut->detail, "cleared by administrator eve");
  EXPECT_EQ(cut->kind, ecshm::SessionKind::kHttp2);
  h2.get(3, "/");
  EXPECT_TRUE(h2.read_until([&] { return h2.streams[3].ended; })) << "the connection goes on, and the policy lets in as before";
  ecshm::ClearOrder elsewhere;
  elsewhere.kind = ecshm::SessionKind::kWebSocket;
  EXPECT_EQ(plane_->clear(elsewhere), 0u);
  ecshm::ClearOrder of_device;
  of_device.leaf = device_.leaf;
  of_device.proxy = 1;
  of_device.source = *IpAddress::parse("127.0.0.1");
  of_device.kind = ecshm::SessionKind::kHttp2;
  EXPECT_EQ(plane_->clear(of_device), 1u);
  EXPECT_FALSE(h2.read_until([&] { return false; }));
  EXPECT_EQ(h2.client().end(), End::kReset) << "idle ones, too";
}

TEST_F(ModuleTest, AnHttp2ConnectionEndsWithItsEndpoint) {
  H2 h2(nginx_->port(), device_);
  h2.get(1, "/silent");
  h2.get(3, "/long");
  ASSERT_TRUE(
      h2.read_until([&] { return h2.streams[1].data > 0 && h2.streams[3].data > 100'000; }));
  plane_->put(device_.leaf, changed([](auto& d) { d.quarantined = true; }));
  EXPECT_FALSE(h2.read_until([&] { return false; }));
  EXPECT_EQ(h2.client().end(), End::kReset) << nginx_->log();

  H2 idle(nginx_->port(), device_);
  idle.get(1, "/");
  ASSERT_TRUE(idle.read_until([&] { return idle.streams[1].ended; }));
  plane_->put(device_.leaf, healthy());
  idle.get(3, "/");
  ASSERT_TRUE(idle.read_until([&] { return idle.streams[3].ended; }));
  plane_->put(device_.leaf, changed([](auto& d) { d.quarantined = true; }));
  EXPECT_FALSE(idle.read_until([&] { return false; }));
  EXPECT_EQ(idle.client().end(), End::kReset) << nginx_->log();
}

}  // namespace
}  // namespace postern::nginx::lab
