#include "gateway/firewall/netfilter_socket.h"

#include <linux/netfilter/nfnetlink.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "gateway/neighbours/netlink.h"

namespace postern::gateway::firewall {
namespace {

Error kernel_error(int error, std::string_view doing) {
  const auto code = error == EPERM || error == EACCES ? ErrorCode::kPermissionDenied
                    : error == ENOENT                 ? ErrorCode::kNotFound
                                                      : ErrorCode::kUnavailable;
  return {code, fmt::format("{}: {}", doing, errno_text(error))};
}

/// The number that NLMSG_ERROR begins with, and NLMSG_DONE may: 0, or an errno below it.
std::optional<int> number_in(const nlmsghdr* message) {
  int number = 0;
  if (mnl_nlmsg_get_payload_len(message) < sizeof number) return std::nullopt;
  std::memcpy(&number, mnl_nlmsg_get_payload(message), sizeof number);
  return number < 0 ? -number : number;
}

}  // namespace

Result<NetfilterSocket> NetfilterSocket::open(std::uint16_t subsystem, std::string name) {
  std::unique_ptr<mnl_socket, Close> socket(mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC));
  if (!socket) return fail(kernel_error(errno, "opening netlink for " + name));
  if (mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) < 0) return fail(kernel_error(errno, "binding netlink for " + name));
  return NetfilterSocket(std::move(socket), subsystem, std::move(name));
}

nlmsghdr* NetfilterSocket::begin(char* buffer, std::uint16_t type, std::uint16_t flags, std::uint8_t family) {
  nlmsghdr* message = mnl_nlmsg_put_header(buffer);
  message->nlmsg_type = static_cast<std::uint16_t>((subsystem_ << 8) | type);
  message->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  message->nlmsg_seq = ++sequence_;
  auto* general = static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(message, sizeof(nfgenmsg)));
  general->nfgen_family = family;
  general->version = NFNETLINK_V0;
  general->res_id = 0;
  return message;
}

Status NetfilterSocket::exchange(const nlmsghdr* message, const std::function<void(const nlmsghdr*)>& on) {
  if (mnl_socket_sendto(socket_.get(), message, message->nlmsg_len) < 0) return fail(kernel_error(errno, "asking " + name_));
  bool interrupted = false;
  for (std::optional<int> end; !end;) {
    const auto length = mnl_socket_recvfrom(socket_.get(), receive_.data(), receive_.size());
    if (length < 0 && errno == EINTR) continue;
    if (length < 0) return fail(kernel_error(errno, "reading what " + name_ + " answers"));
    each_message(receive_.data(), static_cast<std::size_t>(length), [&](const nlmsghdr* m) {
      if (end || m->nlmsg_seq != message->nlmsg_seq) return;
      interrupted = interrupted || (m->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
      if (m->nlmsg_type == NLMSG_ERROR) {
        end = number_in(m).value_or(EBADMSG);
      } else if (m->nlmsg_type == NLMSG_DONE) {
        end = number_in(m).value_or(0);
      } else if (m->nlmsg_type >= NLMSG_MIN_TYPE) {
        on(m);
      }
    });
    if (end && *end != 0) return fail(kernel_error(*end, name_));
  }
  if (interrupted) return fail(ErrorCode::kUnavailable, name_ + " changes while it is read");
  return {};
}

}  // namespace postern::gateway::firewall
