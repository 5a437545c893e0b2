#include "gateway/neighbours/reader.h"

#include <fcntl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <optional>

#include <fmt/format.h>

#include "gateway/neighbours/netlink.h"

namespace postern::gateway {
namespace {

constexpr int kReadings = 8;                    // of one list that changes while it is read
constexpr int kQueue = 4 << 20;                 // bytes of events that may wait for us
constexpr int kInsist = 20;                     // whoever lies about an entry has to be faster than its card each time

Error neighbour_error(std::string_view doing) {
  const int error = errno;
  const auto code = error == EPERM || error == EACCES ? ErrorCode::kPermissionDenied
                    : error == ENODEV || error == ENXIO || error == ENOENT ? ErrorCode::kNotFound
                                                        : ErrorCode::kUnavailable;
  return {code, std::string(doing) + ": " + errno_text(error)};
}

/// What an NLMSG_ERROR says; 0: it is an acknowledgement.
int error_of(const nlmsghdr* message) {
  if (mnl_nlmsg_get_payload_len(message) < sizeof(nlmsgerr)) return EPROTO;
  return -static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(message))->error;
}

}  // namespace

Result<std::unique_ptr<NetworkReader>> NetworkReader::open() {
  mnl_socket* sockets[2] = {};
  for (auto& s : sockets) {
    s = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    if (!s) {
      const auto error = neighbour_error("opening rtnetlink");
      if (sockets[0]) mnl_socket_close(sockets[0]);
      return fail(error);
    }
  }
  auto reader = std::unique_ptr<NetworkReader>(new NetworkReader(sockets[0], sockets[1]));
  const int events = mnl_socket_get_fd(reader->events_);
  if (mnl_socket_bind(reader->events_, 0, MNL_SOCKET_AUTOPID) < 0 ||
      mnl_socket_bind(reader->requests_, 0, MNL_SOCKET_AUTOPID) < 0 ||
      fcntl(events, F_SETFL, O_NONBLOCK) < 0) {
    return fail(neighbour_error("binding rtnetlink"));
  }
  setsockopt(events, SOL_SOCKET, SO_RCVBUF, &kQueue, sizeof kQueue);  // as much as this system allows
  for (int group : {RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_NEIGH, RTNLGRP_IPV4_ROUTE,
                    RTNLGRP_IPV6_ROUTE}) {
    if (mnl_socket_setsockopt(reader->events_, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) < 0) {
      return fail(neighbour_error("following rtnetlink"));
    }
  }
  // Events are followed before the lists are read: nothing falls in between.
  if (auto s = reader->read_everything(); !s) return fail(s.error());
  return reader;
}

NetworkReader::~NetworkReader() {
  mnl_socket_close(events_);
  mnl_socket_close(requests_);
}

int NetworkReader::fd() const { return mnl_socket_get_fd(events_); }

Status NetworkReader::dump(std::uint16_t type, bool& interrupted) {
  alignas(nlmsghdr) char out[64];
  nlmsghdr* message = mnl_nlmsg_put_header(out);
  message->nlmsg_type = type;
  message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  message->nlmsg_seq = ++sequence_;
  const std::size_t extra = type == RTM_GETLINK    ? sizeof(ifinfomsg)
                            : type == RTM_GETADDR  ? sizeof(ifaddrmsg)
                            : type == RTM_GETROUTE ? sizeof(rtmsg)
                                                   : sizeof(ndmsg);
  mnl_nlmsg_put_extra_header(message, extra);
  if (mnl_socket_sendto(requests_, message, message->nlmsg_len) < 0) return fail(neighbour_error("asking rtnetlink"));
  for (;;) {
    const auto length = mnl_socket_recvfrom(requests_, buffer_.data(), buffer_.size());
    if (length < 0) return fail(neighbour_error("reading rtnetlink"));
    bool done = false;
    int error = 0;
    each_message(buffer_.data(), static_cast<std::size_t>(length), [&](const nlmsghdr* m) {
      if (m->nlmsg_seq != sequence_) return;
      if (m->nlmsg_flags & NLM_F_DUMP_INTR) interrupted = true;
      if (m->nlmsg_type == NLMSG_DONE) done = true;
      if (m->nlmsg_type == NLMSG_ERROR) error = error_of(m);
      table_.take({reinterpret_cast<const std::uint8_t*>(m), m->nlmsg_len});
    });
    if (error != 0) {
      errno = error;
      return fail(neighbour_error("reading rtnetlink"));
    }
    if (done) return {};
  }
}

Status NetworkReader::read_everything() {
  for (int i = 0; i < kReadings; ++i) {
    bool interrupted = false;
    table_.begin_reading();
    for (const std::uint16_t type : {RTM_GETLINK, RTM_GETADDR, RTM_GETNEIGH}) {
      if (auto s = dump(type, interrupted); !s) return s;
    }
    if (!interrupted) {
      table_.end_reading();
      return read_routes();
    }
  }
  return fail(ErrorCode::kUnavailable, "the network's lists change faster than they can be read");
}

/// Where they change all the time nothing known is lost: the next event leads to the next reading.
Status NetworkReader::read_routes() {
  bool interrupted = true;
  for (int i = 0; interrupted && i < kReadings; ++i) {
    interrupted = false;
    table_.begin_routes();
    const auto s = dump(RTM_GETROUTE, interrupted);
    table_.end_routes(s && !interrupted);
    if (!s) return s;
  }
  return {};
}

Status NetworkReader::read() {
  for (;;) {
    const auto length = recv(fd(), buffer_.data(), buffer_.size(), 0);
    if (length > 0) {
      table_.take({buffer_.data(), static_cast<std::size_t>(length)});
    } else if (length < 0 && errno == ENOBUFS) {
      if (auto s = read_everything(); !s) return s;
    } else if (length < 0 && errno == EINTR) {
      continue;
    } else if (length < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      if (auto s = ask_unsettled(); !s) return s;
      return table_.routes_outdated() ? read_routes() : Status();
    } else {
      return fail(neighbour_error("following rtnetlink"));
    }
  }
}

Status NetworkReader::request(nlmsghdr* message, std::string_view doing) {
  message->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
  message->nlmsg_seq = ++sequence_;
  if (mnl_socket_sendto(requests_, message, message->nlmsg_len) < 0) return fail(neighbour_error(doing));
  for (;;) {
    const auto length = mnl_socket_recvfrom(requests_, buffer_.data(), buffer_.size());
    if (length < 0) return fail(neighbour_error(doing));
    std::optional<int> answer;
    each_message(buffer_.data(), static_cast<std::size_t>(length), [&](const nlmsghdr* m) {
      if (m->nlmsg_seq == sequence_ && m->nlmsg_type == NLMSG_ERROR) answer = error_of(m);
    });
    if (!answer) continue;
    if (*answer == 0) return {};
    errno = *answer;
    return fail(neighbour_error(doing));
  }
}

namespace {

/// A message about one neighbour, in a buffer of at least 256 bytes.
nlmsghdr* neighbour_message(void* out, std::uint16_t type, unsigned index, const IpAddress& ip, std::uint16_t state) {
  nlmsghdr* message = mnl_nlmsg_put_header(out);
  message->nlmsg_type = type;
  auto* head = static_cast<ndmsg*>(mnl_nlmsg_put_extra_header(message, sizeof(ndmsg)));
  head->ndm_family = ip.is_v4() ? AF_INET : AF_INET6;
  head->ndm_ifindex = static_cast<int>(index);
  head->ndm_state = state;
  mnl_attr_put(message, NDA_DST, ip.is_v4() ? 4 : 16, ip.bytes().data());
  return message;
}

}  // namespace

Status NetworkReader::probe(const NeighbourKey& key) {
  insisted_.erase(key);
  return ask(key);
}

/// Entries that a gateway before this one pinned, and that are asked about.
Status NetworkReader::ask_unsettled() {
  Status status;
  for (const auto& key : table_.take_unsettled()) {
    const bool moved = table_.left(key).has_value();
    if (moved && ++insisted_[key] > kInsist) {
      table_.give_up(key);
    } else if (auto asked = ask(key); !asked) {
      table_.give_up(key);
      status = std::move(asked);
    }
  }
  return status;
}

Status NetworkReader::ask(const NeighbourKey& key) {
  const auto index = table_.index_of(key.interface);
  if (!index) return fail(ErrorCode::kNotFound, fmt::format("there is no interface {}", key.interface));
  const Neighbour* known = table_.find(key);
  const bool answered = known && known->state == Neighbour::State::kPresent;
  const auto left = table_.left(key);
  if (answered && !left && (known->lasting || table_.pinned(key))) {
    return fail(ErrorCode::kConflict, fmt::format("the entry of {} on {} is permanent", key.ip.str(), key.interface));
  }
  alignas(nlmsghdr) char out[256];
  // With an address: ask whether it still answers. Without one: ask as if a packet waited for it.
  nlmsghdr* message = neighbour_message(out, RTM_NEWNEIGH, *index, key.ip, answered ? NUD_PROBE : NUD_NONE);
  message->nlmsg_flags = left ? NLM_F_REPLACE | NLM_F_CREATE : answered ? NLM_F_REPLACE : NLM_F_CREATE;
  if (answered) {
    mnl_attr_put(message, NDA_LLADDR, 6, (left ? *left : known->mac).bytes().data());
  } else {
    static_cast<ndmsg*>(mnl_nlmsg_get_payload(message))->ndm_flags = NTF_USE;
  }
  if (!left) return request(message, "asking for a neighbour");
  // Its card is asked, and nobody else: what the entry was pinned to goes on serving until the answer comes. From here
  // on it is an ordinary entry.
  mnl_attr_put_u8(message, NDA_PROTOCOL, RTPROT_KERNEL);
  if (auto s = request(message, "asking for a neighbour"); !s) return s;
  table_.take({reinterpret_cast<const std::uint8_t*>(message), message->nlmsg_len});
  return {};
}

Status NetworkReader::pin(const NeighbourKey& key, const MacAddress& mac) {
  const auto index = table_.index_of(key.interface);
  if (!index) return fail(ErrorCode::kNotFound, fmt::format("there is no interface {}", key.interface));
  const Neighbour* known = table_.find(key);
  if (known && known->lasting) return {};
  if (known && known->mac == mac && table_.pinned(key) && !table_.left(key)) return {};
  alignas(nlmsghdr) char out[256];
  nlmsghdr* message = neighbour_message(out, RTM_NEWNEIGH, *index, key.ip, NUD_PERMANENT);
  message->nlmsg_flags = NLM_F_CREATE | NLM_F_REPLACE;
  mnl_attr_put(message, NDA_LLADDR, 6, mac.bytes().data());
  mnl_attr_put_u8(message, NDA_PROTOCOL, kPinProtocol);
  if (auto s = request(message, "making a neighbour's entry permanent"); !s) return s;
  // Its event is on the way; until it comes, the table is to know already what is ours.
  table_.own(key, true);
  table_.take({reinterpret_cast<const std::uint8_t*>(message), message->nlmsg_len});
  return {};
}

Status NetworkReader::unpin(const NeighbourKey& key) {
  const auto index = table_.index_of(key.interface);
  if (!index || !table_.pinned(key)) {
    table_.own(key, false);
    return {};
  }
  alignas(nlmsghdr) char out[256];
  nlmsghdr* message = neighbour_message(out, RTM_DELNEIGH, *index, key.ip, NUD_NONE);
  const auto gone = request(message, "removing a neighbour's permanent entry");
  if (!gone && gone.error().code != ErrorCode::kNotFound) return gone;
  table_.own(key, false);
  table_.take({reinterpret_cast<const std::uint8_t*>(message), message->nlmsg_len});
  return {};
}

}  // namespace postern::gateway
