#include "wire_watch.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

namespace postern::bench {
namespace {

constexpr std::uint8_t kFin = 1, kRst = 4;

}  // namespace

void enter_namespace(const std::string& netns) {
  const auto path = "/run/netns/" + netns;
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0 || ::setns(fd, CLONE_NEWNET) != 0) give_up(path.c_str());
  ::close(fd);
}

WireWatch::WireWatch(const std::string& netns, Ports ports) : ports_(ports) {
  const int here = ::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
  enter_namespace(netns);
  fd_ = ::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL));
  if (fd_ < 0) give_up("packet socket");
  if (::setns(here, CLONE_NEWNET) != 0) give_up("back to the own namespace");
  ::close(here);

  // All protocols, because only those listeners also see what leaves; the filter picks.
  // The stream's own packets, a thousand a second, stay in the kernel: only control connections, FIN and RST pass.
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(SKF_AD_OFF + SKF_AD_PROTOCOL)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 0, 13),
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 9),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_TCP, 0, 11),
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 6),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x1fff, 9, 0),
      BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),
      BPF_STMT(BPF_LD | BPF_B | BPF_IND, 13),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, kFin | kRst, 7, 0),
      BPF_STMT(BPF_LD | BPF_H | BPF_IND, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ports.telemetry, 5, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ports.fabric, 4, 0),
      BPF_STMT(BPF_LD | BPF_H | BPF_IND, 2),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ports.telemetry, 2, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ports.fabric, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, 0),
      BPF_STMT(BPF_RET | BPF_K, 128),
  };
  const sock_fprog program{std::size(code), code};
  if (::setsockopt(fd_, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0) give_up("packet filter");
  const int on = 1;
  ::setsockopt(fd_, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
}

WireWatch::~WireWatch() { ::close(fd_); }

bool WireWatch::next(Packet& packet) {
  std::uint8_t data[128];
  char control[256];
  for (;;) {
    iovec part{data, sizeof data};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const auto size = ::recvmsg(fd_, &message, MSG_TRUNC);
    if (size < 0) return false;
    const auto got = std::min<std::size_t>(static_cast<std::size_t>(size), sizeof data);
    const std::size_t ip = (data[0] & 15) * 4;
    if (got < ip + 20) continue;
    const auto word = [&](std::size_t at) { return static_cast<std::uint16_t>(data[at] << 8 | data[at + 1]); };
    const std::size_t header = ip + (data[ip + 12] >> 4) * 4, total = word(2);
    packet.source = word(ip);
    packet.target = word(ip + 2);
    packet.flags = data[ip + 13];
    packet.payload = total > header ? total - header : 0;
    packet.at = 0;
    for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
      if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS) continue;
      timespec t{};
      std::memcpy(&t, CMSG_DATA(c), sizeof t);
      packet.at = t.tv_sec * 1'000'000'000LL + t.tv_nsec;
    }
    return true;
  }
}

void WireWatch::clear() {
  Packet packet;
  while (next(packet)) {}
}

WireTimes WireWatch::since(Nanos start) {
  const Nanos offset = now() - read_clock(CLOCK_REALTIME);  // The kernel's times are of the wall clock.
  WireTimes out;
  Packet packet;
  while (next(packet)) {
    const Nanos at = packet.at + offset;
    if (at < start) continue;
    const bool data = packet.payload > 0;
    if (data && packet.target == ports_.telemetry && !out.report) out.report = at;
    if (data && packet.source == ports_.telemetry && out.report && !out.ack) out.ack = at;
    if (data && packet.source == ports_.fabric && out.report && !out.delta) out.delta = at;
    if ((packet.flags & (kFin | kRst)) != 0 && packet.source == ports_.proxy && !out.cut) out.cut = at;
  }
  return out;
}

}  // namespace postern::bench
