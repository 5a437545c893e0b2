#pragma once
// Netlink messages taken apart by bounds that are checked, whoever wrote them.
#include <linux/netlink.h>

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "base/hex.h"

namespace postern::agent {

/// Calls `visit(type, payload)` for each whole message of a datagram. False from `visit` ends it.
template <class Visit>
void each_netlink_message(ByteView datagram, Visit visit) {
  while (datagram.size() >= sizeof(nlmsghdr)) {
    nlmsghdr head;
    std::memcpy(&head, datagram.data(), sizeof head);
    if (head.nlmsg_len < sizeof head || head.nlmsg_len > datagram.size()) return;
    if (!visit(head, datagram.subspan(sizeof head, head.nlmsg_len - sizeof head))) return;
    const std::size_t step = (static_cast<std::size_t>(head.nlmsg_len) + 3) & ~std::size_t{3};
    if (step >= datagram.size()) return;
    datagram = datagram.subspan(step);
  }
}

/// Calls `visit(type, value)` for each whole attribute; flags are taken out of the type.
template <class Visit>
void each_attribute(ByteView attributes, Visit visit) {
  while (attributes.size() >= sizeof(nlattr)) {
    nlattr head;
    std::memcpy(&head, attributes.data(), sizeof head);
    if (head.nla_len < sizeof head || head.nla_len > attributes.size()) return;
    visit(head.nla_type & NLA_TYPE_MASK, attributes.subspan(sizeof head, head.nla_len - sizeof head));
    const std::size_t step = (static_cast<std::size_t>(head.nla_len) + 3) & ~std::size_t{3};
    if (step >= attributes.size()) return;
    attributes = attributes.subspan(step);
  }
}

/// The leading T of a payload; false when it is too short.
template <class T>
bool read_struct(ByteView bytes, T& out) {
  if (bytes.size() < sizeof out) return false;
  std::memcpy(&out, bytes.data(), sizeof out);
  return true;
}

/// A text, which the kernel ends with a NUL.
inline std::string netlink_text(ByteView value) {
  const std::string_view text(reinterpret_cast<const char*>(value.data()), value.size());
  return std::string(text.substr(0, text.find('\0')));
}

}  // namespace postern::agent
