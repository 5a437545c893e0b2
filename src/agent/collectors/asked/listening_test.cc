#include "agent/collectors/asked/listening.h"

#include <gtest/gtest.h>

#include "agent/collectors/asked/asked_lab.h"

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
