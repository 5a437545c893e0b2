#pragma once
// Walking through netlink messages from C++, where libmnl's macros don't compile.
#include <libmnl/libmnl.h>

#include <algorithm>
#include <cstddef>

namespace postern::gateway {

/// Calls `visit(const nlmsghdr*)` for each whole message of a datagram. Lengths are compared as what they are: libmnl's
/// own check takes one above 2 GiB for negative, and goes on behind the end.
template <class Visit>
void each_message(const void* datagram, std::size_t size, Visit visit) {
  const char* at = static_cast<const char*>(datagram);
  while (size >= sizeof(nlmsghdr)) {
    auto* message = reinterpret_cast<const nlmsghdr*>(at);
    const std::size_t length = message->nlmsg_len;
    if (length < sizeof(nlmsghdr) || length > size) return;
    visit(message);
    const std::size_t step = std::min<std::size_t>(size, (length + 3) & ~std::size_t{3});
    at += step;
    size -= step;
  }
}

/// Calls `visit(const nlattr*)` for each attribute behind the message's header of `offset` bytes.
template <class Visit>
void each_attribute(const nlmsghdr* message, std::size_t offset, Visit visit) {
  const char* end = static_cast<const char*>(mnl_nlmsg_get_payload_tail(message));
  auto* a = static_cast<const nlattr*>(mnl_nlmsg_get_payload_offset(message, offset));
  for (; mnl_attr_ok(a, static_cast<int>(end - reinterpret_cast<const char*>(a))); a = mnl_attr_next(a)) visit(a);
}

/// The same for what is nested in one attribute.
template <class Visit>
void each_nested(const nlattr* nest, Visit visit) {
  const char* end = static_cast<const char*>(mnl_attr_get_payload(nest)) + mnl_attr_get_payload_len(nest);
  auto* a = static_cast<const nlattr*>(mnl_attr_get_payload(nest));
  for (; mnl_attr_ok(a, static_cast<int>(end - reinterpret_cast<const char*>(a))); a = mnl_attr_next(a)) visit(a);
}

}  // namespace postern::gateway
