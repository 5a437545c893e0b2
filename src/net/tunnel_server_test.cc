#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <future>
#include <map>
#include <thread>

#include "net/detail/dial_share.h"
#include "net/tunnel.h"

namespace postern::net {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class TunnelServerTest : public testing::Test {
 protected:
  TunnelServerTest() {
    char name[] = "/tmp/tunnel-XXXXXX";
    directory_ = ::mkdtemp(name);
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_, 8), 0);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    how_.path = directory_ / "s";
    how_.decide = [this](const HttpRequest& request) {
      TunnelAnswer out;
      out.to = {request.query.at("address"), port_};
      return out;
    };
    how_.lookup = [this](const std::string& name) -> Result<std::vector<IpAddress>> {
      ++asked_;
      std::vector<IpAddress> out;
      if (!names_.contains(name)) return fail(ErrorCode::kNotFound, "no such name");
      for (const auto& text : names_.at(name)) out.push_back(*IpAddress::parse(text));
      return out;
    };
  }
  ~TunnelServerTest() override {
    ::close(listener_);
    std::filesystem::remove_all(directory_);
  }
  /// A connection that has asked for a tunnel.
  int begin(const std::string& address) const {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    std::strncpy(to.sun_path, how_.path.c_str(), sizeof to.sun_path - 1);
    EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
    const auto request = "GET /tcp?address=" + address + "&port=1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                         "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
                         "Sec-WebSocket-Protocol: postern-tcp\r\n\r\n";
    EXPECT_EQ(::send(fd, request.data(), request.size(), MSG_NOSIGNAL), static_cast<ssize_t>(request.size()));
    return fd;
  }
  /// The answer to a request for a tunnel: head, and body of a refusal.
  std::string ask(const std::string& address) {
    auto server = TunnelServer::listen(loop_, how_);
    EXPECT_TRUE(server) << server.error().message;
    std::string said;
    std::thread client([&] {
      const int fd = begin(address);
      char buffer[4096];
      while (!said.starts_with("HTTP/1.1 101")) {
        const auto n = ::recv(fd, buffer, sizeof buffer, 0);
        if (n <= 0) break;
        said.append(buffer, static_cast<std::size_t>(n));
      }
      ::close(fd);
      loop_.stop();
    });
    loop_.run();
    client.join();
    return said;
  }

  Loop loop_;
  std::filesystem::path directory_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  TunnelListening how_;
  std::map<std::string, std::vector<std::string>> names_;
  std::atomic<int> asked_ = 0;
};

TEST_F(TunnelServerTest, AddressesAreDialledAsTheyAreAndNeverLookedUp) {
  EXPECT_THAT(ask("127.0.0.1"), StartsWith("HTTP/1.1 101"));  // written as such by an administrator
  EXPECT_THAT(ask("::ffff:127.0.0.1"), StartsWith("HTTP/1.1 101"));
  EXPECT_EQ(asked_, 0);
}

TEST_F(TunnelServerTest, PlacesAreBoundedInAllAndForEachOwner) {
  how_.decide = [this](const HttpRequest& request) {
    TunnelAnswer out;
    out.to = {"127.0.0.1", port_};
    out.owner = request.query.at("address");
    return out;
  };
  how_.limits.max_tunnels = 3;
  how_.limits.max_per_owner = 2;
  auto server = TunnelServer::listen(loop_, how_);
  ASSERT_TRUE(server) << server.error().message;
  std::thread client([&] {
    std::vector<int> open;
    const auto status = [&](const std::string& owner) {
      open.push_back(begin(owner));
      char buffer[512];
      const auto n = ::recv(open.back(), buffer, sizeof buffer, 0);
      return n < 13 ? std::string() : std::string(buffer + 9, 3);
    };
    EXPECT_EQ(status("a"), "101");
    EXPECT_EQ(status("a"), "101");
    EXPECT_EQ(status("a"), "429");
    EXPECT_EQ(status(""), "101") << "who has no name is somebody, too";
    EXPECT_EQ(status("b"), "503");
    EXPECT_EQ(status("a"), "503") << "all first: it says what an administrator has to know";
    // A place is free again when its tunnel has ended.
    ::close(open[0]);
    for (;;) {
      const auto said = status("b");
      if (said == "101") break;
      ASSERT_EQ(said, "503");
    }
    for (std::size_t n = 1; n < open.size(); ++n) ::close(open[n]);
    loop_.stop();
  });
  loop_.run();
  client.join();
  const auto counts = (*server)->counts();
  EXPECT_EQ(counts.refused_owner, 1u);
  EXPECT_GE(counts.refused_full, 2u);
}

TEST_F(TunnelServerTest, NamesThatLeadToTheGatewayItselfOrItsLinkAreNotDialled) {
  for (const auto* address : {"127.0.0.1", "127.9.9.9", "::1", "0.0.0.0", "::", "::ffff:127.0.0.1", "::ffff:0.0.0.0", "169.254.169.254", "fe80::1",
                              "224.0.0.1", "255.255.255.255", "ff02::1"}) {
    names_["x.example"] = {address};
    const auto said = ask("x.example");
    EXPECT_THAT(said, StartsWith("HTTP/1.1 502")) << address;
    EXPECT_THAT(said, HasSubstr("its name leads to the gateway itself or its link")) << address;
  }
  // Such an address beside another is left out.
  how_.limits.connect_timeout = std::chrono::seconds(1);
  names_["x.example"] = {"127.0.0.1", "192.0.2.1"};
  EXPECT_THAT(ask("x.example"), ::testing::AnyOf(StartsWith("HTTP/1.1 502"), StartsWith("HTTP/1.1 504")));
  EXPECT_EQ(asked_, 13);
}

TEST(DialShare, ASilentAddressLeavesTimeForThoseBehindIt) {
  using std::chrono::milliseconds;
  EXPECT_EQ(detail::dial_share(milliseconds(10000), 1), milliseconds(10000));
  EXPECT_EQ(detail::dial_share(milliseconds(10000), 2), milliseconds(5000));
  EXPECT_EQ(detail::dial_share(milliseconds(5000), 1), milliseconds(5000));
  EXPECT_EQ(detail::dial_share(milliseconds(10000), 64), milliseconds(1000));
  EXPECT_EQ(detail::dial_share(milliseconds(400), 3), milliseconds(400));
  EXPECT_EQ(detail::dial_share(milliseconds(0), 1), milliseconds(0));
  EXPECT_EQ(detail::dial_share(milliseconds(-5), 2), milliseconds(0));
}

TEST_F(TunnelServerTest, WhatIsWrongWithANameIsTold) {
  EXPECT_THAT(ask("no.example"), HasSubstr("its name is not known (no such name)"));
  names_["none.example"] = {};
  EXPECT_THAT(ask("none.example"), HasSubstr("it has no address"));
}

TEST_F(TunnelServerTest, ASilentNameIsGivenUpAndAddressesDoNotWaitForIt) {
  std::promise<void> silent;
  how_.lookup = [answer = silent.get_future().share()](const std::string&) -> Result<std::vector<IpAddress>> {
    answer.wait();
    return std::vector<IpAddress>{};
  };
  how_.lookup_limits.limit = std::chrono::milliseconds(1);
  const auto said = ask("dead.example");
  EXPECT_THAT(said, StartsWith("HTTP/1.1 504"));
  EXPECT_THAT(said, HasSubstr("its name was not found in time"));
  EXPECT_THAT(ask("127.0.0.1"), StartsWith("HTTP/1.1 101"));  // its look-up runs on
  silent.set_value();
}

TEST_F(TunnelServerTest, WhatIsDoneBetweenBindingAndListeningComesBeforeAnyConnection) {
  bool refused = false;
  how_.bound = [&] {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    std::strncpy(to.sun_path, how_.path.c_str(), sizeof to.sun_path - 1);
    refused = ::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0 && errno == ECONNREFUSED;
    ::close(fd);
    return Status();
  };
  EXPECT_THAT(ask("127.0.0.1"), StartsWith("HTTP/1.1 101"));
  EXPECT_TRUE(refused);
  how_.bound = [] { return Status(fail(ErrorCode::kPermissionDenied, "no")); };
  EXPECT_FALSE(TunnelServer::listen(loop_, how_));
}

}  // namespace
}  // namespace postern::net
