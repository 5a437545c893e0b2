// net.listening: of the agent's network namespace. The kernel is asked for just those sockets that wait: its tables in
// /proc/net hold all connections too, and walking through them each second is dear.
#include "agent/collectors/asked/listening.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <optional>

#include "agent/collectors/asked.h"
#include "agent/collectors/network/netlink.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/ip.h"
#include "base/text.h"
#include "posture/fact_keys.h"

namespace postern::agent {
namespace listening_family {
namespace {

namespace keys = posture::keys;
using posture::UnknownReason;

constexpr std::size_t kMaxTable = 16u << 20;
struct Table {
  const char* path;
  bool udp;
};
constexpr Table kTables[] = {
    {"/proc/net/tcp", false},  {"/proc/net/tcp6", false},    {"/proc/net/udp", true},
    {"/proc/net/udp6", true}, {"/proc/net/udplite", true}, {"/proc/net/udplite6", true}};

constexpr int kListens = 10, kUnconnected = 7;  // the kernel's TCP_LISTEN and TCP_CLOSE, which UDP and UDP-Lite use too

std::string written(const IpAddress& ip, unsigned port) {
  return (ip.is_v4() ? ip.str() : "[" + ip.str() + "]") + ":" + std::to_string(port);
}

/// Those of one family and protocol. Errors: kUnsupported (this kernel can't be asked so), kUnavailable.
Status ask_kernel(int fd, int family, int protocol, std::set<std::string>& out) {
  const bool udp = protocol != IPPROTO_TCP;
  struct {
    nlmsghdr head;
    inet_diag_req_v2 request;
  } question{};
  question.head = {sizeof question, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST | NLM_F_DUMP, 1, 0};
  question.request.sdiag_family = static_cast<std::uint8_t>(family);
  question.request.sdiag_protocol = static_cast<std::uint8_t>(protocol);
  question.request.idiag_states = 1u << (udp ? kUnconnected : kListens);
  if (::send(fd, &question, sizeof question, 0) < 0) return fail(errno_error(errno, "asking for", "sockets"));
  std::vector<std::uint8_t> buffer(64u << 10);
  for (;;) {
    const auto n = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return fail(errno_error(n == 0 ? EIO : errno, "asking for", "sockets"));
    const ByteView datagram(buffer.data(), static_cast<std::size_t>(n));
    parse_socket_diag(datagram, udp, out);
    bool done = false;
    int error = 0;
    each_netlink_message(datagram, [&](const nlmsghdr& head, ByteView payload) {
      if (head.nlmsg_type == NLMSG_ERROR) {
        nlmsgerr reply{};
        read_struct(payload, reply);
        error = -reply.error;
      }
      done = done || head.nlmsg_type == NLMSG_DONE || head.nlmsg_type == NLMSG_ERROR;
      return true;
    });
    if (error != 0) return fail(ErrorCode::kUnsupported, "the kernel does not tell of sockets: " + errno_text(error));
    if (done) return {};
  }
}

Status ask_kernel(std::set<std::string>& out) {
  const int fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  if (fd < 0) return fail(errno_error(errno, "opening", "sock_diag"));
  const std::shared_ptr<void> closer(nullptr, [fd](void*) { ::close(fd); });
  const timeval patience{2, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  for (const int family : {AF_INET, AF_INET6}) {
    for (const int protocol : {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE}) {
      auto ok = ask_kernel(fd, family, protocol, out);
      // Newer kernels have no UDP-Lite any more.
      const bool may_lack = protocol == IPPROTO_UDPLITE && !ok && ok.error().code == ErrorCode::kUnsupported;
      if (!ok && !may_lack) return ok;
    }
  }
  return {};
}

/// "0100007F:1F90", words in the machine's own order of bytes.
std::optional<std::string> endpoint(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == text.npos) return std::nullopt;
  auto bytes = from_hex(text.substr(0, colon));
  unsigned port = 0;
  const auto digits = text.substr(colon + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port, 16);
  if (!bytes || error != std::errc() || end != digits.data() + digits.size() || port > 65535) return std::nullopt;
  if (bytes->size() != 4 && bytes->size() != 16) return std::nullopt;
  for (std::size_t i = 0; i < bytes->size(); i += 4) {
    // The digits are a number's: most significant first.
    const auto word = static_cast<std::uint32_t>((*bytes)[i]) << 24 | static_cast<std::uint32_t>((*bytes)[i + 1]) << 16 |
                      static_cast<std::uint32_t>((*bytes)[i + 2]) << 8 | (*bytes)[i + 3];
    std::memcpy(bytes->data() + i, &word, 4);
  }
  const auto ip = IpAddress::from_bytes(as_text(*bytes));
  if (!ip) return std::nullopt;
  return written(*ip, port);
}

void tell(Facts& facts, const std::set<std::string>& all, const char* source) {
  if (all.size() >= kMaxListening)
    return facts.unknown(keys::kListening, UnknownReason::kFailed, "more sockets listen than can be told");
  facts.know(keys::kListening, std::vector<std::string>(all.begin(), all.end()), source);
}

void answer(const Question&, Facts& facts) {
  std::set<std::string> all;
  if (!facts.foreign() && ask_kernel(all)) return tell(facts, all, "sock_diag");
  all.clear();
  bool any = false;
  for (const auto& [path, udp] : kTables) {
    const auto text = facts.read(path, kMaxTable);
    if (!text && text.error().code == ErrorCode::kNotFound) continue;  // a kernel without IPv6
    if (!text) return facts.unknown(keys::kListening, reason_of(text.error()), path);
    any = true;
    parse_sockets(*text, udp, all);
  }
  if (!any) return facts.unknown(keys::kListening, UnknownReason::kUnsupported, facts.foreign() ? kForeignRoot : "/proc/net");
  tell(facts, all, "/proc/net");
}

Triggers triggers(const Question&, const Facts&) {
  return {.interval = Seconds(1), .why = "the kernel tells nobody that a socket listens"};
}

}  // namespace
}  // namespace listening_family

void parse_sockets(std::string_view text, bool udp, std::set<std::string>& out) {
  for (const auto line : split(text, '\n')) {
    std::array<std::string_view, 4> fields;  // number, local, remote, state
    std::size_t count = 0;
    for (const auto field : split(line, ' ')) {
      if (field.empty()) continue;
      fields[count++] = field;
      if (count == fields.size()) break;
    }
    if (count != fields.size() || out.size() >= kMaxListening) continue;
    const bool waits = udp ? fields[3] == "07" && fields[2].ends_with(":0000") : fields[3] == "0A";
    if (!waits) continue;
    if (const auto local = listening_family::endpoint(fields[1]); local && !local->ends_with(":0")) {
      out.insert((udp ? "udp " : "tcp ") + *local);
    }
  }
}

void parse_socket_diag(ByteView datagram, bool udp, std::set<std::string>& out) {
  each_netlink_message(datagram, [&](const nlmsghdr& head, ByteView payload) {
    inet_diag_msg socket;
    if (head.nlmsg_type != SOCK_DIAG_BY_FAMILY || !read_struct(payload, socket) || out.size() >= kMaxListening) return true;
    const bool v6 = socket.idiag_family == AF_INET6;
    const unsigned port = ntohs(socket.id.idiag_sport);
    const bool waits = udp ? socket.idiag_state == listening_family::kUnconnected && socket.id.idiag_dport == 0
                           : socket.idiag_state == listening_family::kListens;
    if (!waits || port == 0 || (!v6 && socket.idiag_family != AF_INET)) return true;
    const auto ip = IpAddress::from_bytes({reinterpret_cast<const char*>(socket.id.idiag_src), v6 ? 16u : 4u});
    if (ip) out.insert((udp ? "udp " : "tcp ") + listening_family::written(*ip, port));
    return true;
  });
}

namespace asked {
const AskedFamily& listening() {
  static const AskedFamily kFamily{.name = "listening",
                                   .keys = {posture::keys::kListening},
                                   .answer = listening_family::answer,
                                   .triggers = listening_family::triggers};
  return kFamily;
}
}  // namespace asked

}  // namespace postern::agent
