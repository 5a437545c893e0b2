#include "agent/collectors/asked/listening.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>

#include "agent/collectors/asked/asked_lab.h"
#include "agent/shell/network_lab.h"
#include "base/file.h"

namespace postern::agent {
namespace {

constexpr const char* kHead = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";

class Listening : public AskedLab {
 protected:
  void table(const char* name, const std::string& lines) { put((std::string("proc/net/") + name).c_str(), kHead + lines); }
};

TEST_F(Listening, SocketsAreNamedAsPeopleWriteThem) {
  EXPECT_EQ(said(keys::kListening), "unknown: unsupported");
  table("tcp",
        "   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1\n"
        "   1: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2\n"
        "   2: 0201000A:8AE2 0A02000A:01BB 01 00000000:00000000 00:00000000 00000000     0        0 3\n");
  table("tcp6", "   0: 00000000000000000000000000000000:0016 00000000000000000000000000000000:0000 0A 0 0 0\n");
  table("udp",
        "   0: 00000000:0035 00000000:0000 07 00000000:00000000\n"
        "   1: 0201000A:8AE2 0A02000A:0035 01 00000000:00000000\n");
  table("udp6", "   0: 000080FE00000000FF00FC02010000FE:0222 00000000000000000000000000000000:0000 07 0\n");
  EXPECT_EQ(said(keys::kListening),
            "tcp 0.0.0.0:22, tcp 127.0.0.1:8080, tcp [::]:22, udp 0.0.0.0:53, udp [fe80::2fc:ff:fe00:1]:546");
}

TEST(Sockets, OfThisMachineAreThoseThatItsTablesShow) {
  const bool allowed = in_own_network([] {
    ASSERT_EQ(std::system("ip link set lo up"), 0);
    const auto open = [](int family, int type, std::uint16_t port) {
      const int fd = ::socket(family, type | SOCK_CLOEXEC, 0);
      sockaddr_in6 v6{};
      v6.sin6_family = AF_INET6;
      v6.sin6_port = htons(port);
      sockaddr_in v4{};
      v4.sin_family = AF_INET;
      v4.sin_port = htons(port);
      v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      const int one = 1;
      if (family == AF_INET6) ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
      const auto* address = family == AF_INET6 ? reinterpret_cast<sockaddr*>(&v6) : reinterpret_cast<sockaddr*>(&v4);
      EXPECT_EQ(::bind(fd, address, family == AF_INET6 ? sizeof v6 : sizeof v4), 0);
      if (type == SOCK_STREAM) ::listen(fd, 1);
      return fd;
    };
    const int all[] = {open(AF_INET, SOCK_STREAM, 2222), open(AF_INET6, SOCK_STREAM, 2223), open(AF_INET, SOCK_DGRAM, 53)};
    const auto fact = answer_all({std::string(keys::kListening)}, "/", from_unix_ms(1)).at(std::string(keys::kListening));
    const std::vector<std::string> wanted{"tcp 127.0.0.1:2222", "tcp [::]:2223", "udp 127.0.0.1:53"};
    EXPECT_EQ(fact.value, posture::FactValue(wanted)) << fact.source;
    // The tables say the same.
    std::set<std::string> tables;
    for (const auto* name : {"tcp", "tcp6", "udp", "udp6"}) {
      const auto text = read_file(std::string("/proc/thread-self/net/") + name, 1u << 20);
      if (text) parse_sockets(*text, *name == 'u', tables);
    }
    EXPECT_EQ(tables, std::set<std::string>(wanted.begin(), wanted.end()));
    for (const int fd : all) ::close(fd);
  });
  if (!allowed) GTEST_SKIP() << "no right to make a network namespace";
}

TEST(Sockets, OfTornAnswersAreNone) {
  struct {
    nlmsghdr head;
    inet_diag_msg socket;
  } message{};
  message.head = {sizeof message, SOCK_DIAG_BY_FAMILY, 0, 1, 0};
  message.socket.idiag_family = AF_INET;
  message.socket.idiag_state = 10;
  message.socket.id.idiag_sport = htons(22);
  const ByteView whole(reinterpret_cast<const std::uint8_t*>(&message), sizeof message);
  std::set<std::string> out;
  for (std::size_t size = 0; size < whole.size(); ++size) parse_socket_diag(whole.first(size), false, out);
  EXPECT_TRUE(out.empty());
  parse_socket_diag(whole, false, out);
  EXPECT_EQ(out, std::set<std::string>{"tcp 0.0.0.0:22"});
  parse_socket_diag(whole, true, out);  // of another state than was asked for
  EXPECT_EQ(out.size(), 1u);
}

TEST(Sockets, OfBrokenTablesAreNone) {
  std::set<std::string> out;
  parse_sockets(
      "0: 0:0 0:0 0A\n0: 0000:16 0:0 0A\n0: 00000000:00016 0:0 0A\n0: zz:zz 0:0 0A\n0: 00000000 0 0A x\nx\n0: :16 : 0A\n", false,
      out);
  EXPECT_EQ(out, std::set<std::string>{"tcp 0.0.0.0:22"});  // one more zero is no other port
  std::string many;
  for (int i = 0; i < 0xffff; ++i) {
    char line[64];
    std::snprintf(line, sizeof line, "0: 00000000:%04X 00000000:0000 0A\n", i);
    many += line;
  }
  parse_sockets(many, false, out);
  EXPECT_EQ(out.size(), kMaxListening);
}

}  // namespace
}  // namespace postern::agent
