#pragma once
// Questions to one of netfilter's parts (nftables, connection tracking) by netlink, and the kernel's answers.
#include <libmnl/libmnl.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"

namespace postern::gateway::firewall {

/// Of the network namespace in which it was opened. Thread: one.
class NetfilterSocket {
 public:
  /// `subsystem`: NFNL_SUBSYS_…; `name`: what errors call it, "nftables". Errors: kPermissionDenied, kUnavailable.
  static Result<NetfilterSocket> open(std::uint16_t subsystem, std::string name);

  /// Begins a message in `buffer`, which is aligned as nlmsghdr and has room for what is to be put behind it. `type` of the
  /// subsystem; `flags` beside NLM_F_REQUEST: NLM_F_DUMP or NLM_F_ACK, without which `exchange` would wait for ever.
  nlmsghdr* begin(char* buffer, std::uint16_t type, std::uint16_t flags, std::uint8_t family);
  /// Sends it, and waits for the whole answer; `on` for each message of it that is no control message. What is left of an
  /// earlier answer is skipped. Errors: kNotFound (the kernel has no such thing), kPermissionDenied, kUnavailable (also: it
  /// changed while it was read).
  Status exchange(const nlmsghdr* message, const std::function<void(const nlmsghdr*)>& on);

 private:
  struct Close {
    void operator()(mnl_socket* socket) const { mnl_socket_close(socket); }
  };
  NetfilterSocket(std::unique_ptr<mnl_socket, Close> socket, std::uint16_t subsystem, std::string name)
      : socket_(std::move(socket)), subsystem_(subsystem), name_(std::move(name)) {}

  std::unique_ptr<mnl_socket, Close> socket_;
  std::uint16_t subsystem_;
  std::string name_;
  unsigned sequence_ = 0;
  std::vector<char> receive_ = std::vector<char>(64u << 10);
};

}  // namespace postern::gateway::firewall
