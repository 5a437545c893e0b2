#include "gateway/neighbours/table.h"

#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "gateway/neighbours/netlink.h"

namespace postern::gateway {
namespace {

IpAddress ip_in(const nlattr* a, int family) {
  const std::size_t length = mnl_attr_get_payload_len(a);
  if (family == AF_INET && length == 4) {
    std::array<std::uint8_t, 4> raw;
    std::memcpy(raw.data(), mnl_attr_get_payload(a), 4);
    return IpAddress::v4(raw);
  }
  if (family == AF_INET6 && length == 16) {
    std::array<std::uint8_t, 16> raw;
    std::memcpy(raw.data(), mnl_attr_get_payload(a), 16);
    return IpAddress::v6(raw);
  }
  return {};
}

MacAddress mac_in(const nlattr* a) {
  if (mnl_attr_get_payload_len(a) != 6) return {};
  std::array<std::uint8_t, 6> raw;
  std::memcpy(raw.data(), mnl_attr_get_payload(a), 6);
  return MacAddress(raw);
}

template <class Header>
const Header* header_of(const nlmsghdr* message) {
  if (mnl_nlmsg_get_payload_len(message) < sizeof(Header)) return nullptr;
  return static_cast<const Header*>(mnl_nlmsg_get_payload(message));
}

}  // namespace

void NetworkTable::take(ByteView datagram) {
  each_message(datagram.data(), datagram.size(), [this](const nlmsghdr* message) {
    switch (message->nlmsg_type) {
      case RTM_NEWLINK:
      case RTM_DELLINK:
        routes_outdated_ = true;
        link(message->nlmsg_type == RTM_NEWLINK, message);
        break;
      case RTM_NEWADDR: address(true, message); break;
      case RTM_DELADDR: address(false, message); break;
      case RTM_NEWNEIGH: neighbour(true, message); break;
      case RTM_DELNEIGH: neighbour(false, message); break;
      case RTM_NEWROUTE:
        if (hops_read_) {
          route(message);
          break;
        }
        [[fallthrough]];
      case RTM_DELROUTE: routes_outdated_ = true; break;
      default: break;
    }
  });
}

void NetworkTable::link(bool added, const void* raw) {
  const auto* message = static_cast<const nlmsghdr*>(raw);
  const auto* head = header_of<ifinfomsg>(message);
  if (!head || head->ifi_index <= 0 || head->ifi_family == AF_BRIDGE) return;
  const auto index = static_cast<unsigned>(head->ifi_index);
  if (!added) return drop_link(index);
  Link next;
  if (const auto it = links_.find(index); it != links_.end()) next = it->second;
  next.loopback = head->ifi_flags & IFF_LOOPBACK;
  next.up = (head->ifi_flags & IFF_UP) && (head->ifi_flags & IFF_RUNNING);
  next.mac = {};
  std::string name;
  each_attribute(message, sizeof *head, [&](const nlattr* a) {
    if (mnl_attr_get_type(a) == IFLA_IFNAME) {
      const char* text = static_cast<const char*>(mnl_attr_get_payload(a));
      name.assign(text, strnlen(text, mnl_attr_get_payload_len(a)));
    }
    if (mnl_attr_get_type(a) == IFLA_ADDRESS && head->ifi_type == ARPHRD_ETHER) next.mac = mac_in(a);
  });
  if (name.empty()) return;
  if (seen_) seen_->links.insert(index);
  const auto it = links_.find(index);
  if (it != links_.end() && it->second.name != name) {
    for (const auto& [ip, entry] : it->second.neighbours) {
      changed_[{it->second.name, ip}] = std::nullopt;
      changed_[{name, ip}] = entry.told();
    }
  }
  next.name = name;
  if (it != links_.end() && it->second == next) return;
  links_[index] = std::move(next);
  interfaces_changed_ = true;
}

void NetworkTable::drop_link(unsigned index) {
  const auto it = links_.find(index);
  if (it == links_.end()) return;
  for (const auto& [ip, n] : it->second.neighbours) changed_[{it->second.name, ip}] = std::nullopt;
  links_.erase(it);
  interfaces_changed_ = true;
}

void NetworkTable::address(bool added, const void* raw) {
  const auto* message = static_cast<const nlmsghdr*>(raw);
  const auto* head = header_of<ifaddrmsg>(message);
  if (!head) return;
  const auto it = links_.find(head->ifa_index);
  if (it == links_.end()) return;
  IpAddress local, other;
  each_attribute(message, sizeof *head, [&](const nlattr* a) {
    if (mnl_attr_get_type(a) == IFA_LOCAL) local = ip_in(a, head->ifa_family);
    if (mnl_attr_get_type(a) == IFA_ADDRESS) other = ip_in(a, head->ifa_family);
  });
  // On a point-to-point link IFA_ADDRESS is the other end's.
  const IpAddress ip = local.valid() ? local : other;
  if (!ip.valid()) return;
  auto& list = it->second.addresses;
  const LocalInterface::Address address = {ip, head->ifa_prefixlen};
  const auto at = std::find_if(list.begin(), list.end(), [&](const auto& a) { return a.ip == ip; });
  if (!added) {
    if (at == list.end()) return;
    list.erase(at);
    interfaces_changed_ = true;
    return;
  }
  if (seen_) seen_->addresses.emplace(head->ifa_index, ip);
  if (at == list.end()) {
    list.push_back(address);
  } else if (*at == address) {
    return;
  } else {
    *at = address;
  }
  interfaces_changed_ = true;
}

void NetworkTable::neighbour(bool added, const void* raw) {
  const auto* message = static_cast<const nlmsghdr*>(raw);
  const auto* head = header_of<ndmsg>(message);
  if (!head || head->ndm_ifindex <= 0 || (head->ndm_flags & NTF_PROXY)) return;
  const auto index = static_cast<unsigned>(head->ndm_ifindex);
  const auto it = links_.find(index);
  if (it == links_.end()) return;
  IpAddress ip;
  MacAddress mac;
  bool marked = false;
  each_attribute(message, sizeof *head, [&](const nlattr* a) {
    if (mnl_attr_get_type(a) == NDA_PROTOCOL && mnl_attr_get_payload_len(a) >= 1) {
      marked = mnl_attr_get_u8(a) == kPinProtocol;
    }
    if (mnl_attr_get_type(a) == NDA_DST) ip = ip_in(a, head->ndm_family);
    if (mnl_attr_get_type(a) == NDA_LLADDR) mac = mac_in(a);
  });
  if (!ip.valid()) return;
  constexpr auto kAnswered = NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT;
  std::optional<Neighbour> next;
  if (added && (head->ndm_state & kAnswered) && mac.valid()) {
    next = Neighbour{Neighbour::State::kPresent, mac, (head->ndm_state & NUD_PERMANENT) && !marked};
  } else if (added && (head->ndm_state & NUD_INCOMPLETE)) {
    next = Neighbour{Neighbour::State::kAsking, {}, false};
  } else if (added && (head->ndm_state & NUD_FAILED)) {
    next = Neighbour{Neighbour::State::kAbsent, {}, false};
  }
  auto& all = it->second.neighbours;
  const auto at = all.find(ip);
  if (!next) {
    if (at == all.end()) return;
    all.erase(at);
    changed_[{it->second.name, ip}] = std::nullopt;
    return;
  }
  if (seen_) seen_->neighbours.emplace(index, ip);
  const NeighbourKey key = {it->second.name, ip};
  Entry fresh{*next, marked && (head->ndm_state & NUD_PERMANENT), std::nullopt};
  std::optional<Neighbour> before;
  if (at != all.end()) {
    before = at->second.told();
    const auto& left = at->second.left;
    // Only its own card's answer, or nobody's, ends the doubt.
    const bool answered = (head->ndm_state & NUD_REACHABLE) && mac == left;
    if (next->state == Neighbour::State::kPresent && !next->lasting && !answered) fresh.left = left;
    if (left && (fresh.left ? mac != left : next->state == Neighbour::State::kAbsent)) unsettled_.insert(key);
  }
  if (fresh.pinned) fresh.left = own_.contains(key) ? std::nullopt : std::optional(mac);
  all[ip] = fresh;
  tell(key, before, fresh.told());
}

void NetworkTable::tell(const NeighbourKey& key, const std::optional<Neighbour>& before,
                        const std::optional<Neighbour>& now) {
  if (before != now) changed_[key] = now;
}

void NetworkTable::route(const void* raw) {
  const auto* message = static_cast<const nlmsghdr*>(raw);
  const auto* head = header_of<rtmsg>(message);
  if (!head || (head->rtm_family != AF_INET && head->rtm_family != AF_INET6)) return;
  const auto hop = [&](const nlattr* a) {
    IpAddress ip;
    if (mnl_attr_get_type(a) == RTA_GATEWAY) ip = ip_in(a, head->rtm_family);
    if (mnl_attr_get_type(a) == RTA_VIA && mnl_attr_get_payload_len(a) > 2) {  // of another family than the route's
      const auto* via = static_cast<const std::uint8_t*>(mnl_attr_get_payload(a));
      std::uint16_t family = 0;
      std::memcpy(&family, via, 2);
      const std::size_t length = mnl_attr_get_payload_len(a) - 2u;
      std::array<std::uint8_t, 16> bytes{};
      if (length <= bytes.size()) std::memcpy(bytes.data(), via + 2, length);
      if (family == AF_INET && length == 4) ip = IpAddress::v4({bytes[0], bytes[1], bytes[2], bytes[3]});
      if (family == AF_INET6 && length == 16) ip = IpAddress::v6(bytes);
    }
    if (ip.valid()) hops_read_->insert(ip);
  };
  const bool everywhere = head->rtm_dst_len == 0 && head->rtm_type == RTN_UNICAST;
  each_attribute(message, sizeof *head, [&](const nlattr* a) {
    hop(a);
    if (everywhere && mnl_attr_get_type(a) == RTA_OIF && mnl_attr_get_payload_len(a) == 4) {
      default_links_read_.insert(mnl_attr_get_u32(a));
    }
    if (mnl_attr_get_type(a) != RTA_MULTIPATH) return;
    const char* at = static_cast<const char*>(mnl_attr_get_payload(a));
    std::size_t size = mnl_attr_get_payload_len(a);
    while (size >= sizeof(rtnexthop)) {
      const std::size_t length = reinterpret_cast<const rtnexthop*>(at)->rtnh_len;
      if (length < sizeof(rtnexthop) || length > size) return;
      const int link = reinterpret_cast<const rtnexthop*>(at)->rtnh_ifindex;
      if (everywhere && link > 0) default_links_read_.insert(static_cast<unsigned>(link));
      const auto* inner = reinterpret_cast<const nlattr*>(at + sizeof(rtnexthop));
      const char* end = at + length;
      for (; mnl_attr_ok(inner, static_cast<int>(end - reinterpret_cast<const char*>(inner)));
           inner = mnl_attr_next(inner)) {
        hop(inner);
      }
      const std::size_t step = std::min<std::size_t>(size, (length + 3) & ~std::size_t{3});
      at += step;
      size -= step;
    }
  });
}

void NetworkTable::begin_routes() {
  hops_read_.emplace();
  default_links_read_.clear();
  routes_outdated_ = false;
}

void NetworkTable::end_routes(bool complete) {
  if (!hops_read_) return;
  if (!complete) {
    hops_read_->insert(next_hops_.begin(), next_hops_.end());
    default_links_read_.insert(default_links_.begin(), default_links_.end());
  }
  if (*hops_read_ != next_hops_ || default_links_read_ != default_links_) {
    next_hops_ = std::move(*hops_read_);
    default_links_ = std::move(default_links_read_);
    next_hops_changed_ = true;
  }
  hops_read_.reset();
}

std::set<std::string> NetworkTable::default_interfaces() const {
  std::set<std::string> out;
  for (const auto& [index, link] : links_) {
    if (default_links_.contains(index)) out.insert(link.name);
  }
  return out;
}

void NetworkTable::begin_reading() { seen_.emplace(); }

void NetworkTable::end_reading() {
  if (!seen_) return;
  std::vector<unsigned> gone;
  for (auto& [index, link] : links_) {
    if (!seen_->links.contains(index)) {
      gone.push_back(index);
      continue;
    }
    const auto erased = std::erase_if(
        link.addresses, [&, i = index](const auto& a) { return !seen_->addresses.contains({i, a.ip}); });
    if (erased > 0) interfaces_changed_ = true;
    for (auto it = link.neighbours.begin(); it != link.neighbours.end();) {
      if (seen_->neighbours.contains({index, it->first})) {
        ++it;
        continue;
      }
      changed_[{link.name, it->first}] = std::nullopt;
      it = link.neighbours.erase(it);
    }
  }
  for (const auto index : gone) drop_link(index);
  seen_.reset();
}

std::vector<std::pair<NeighbourKey, std::optional<Neighbour>>> NetworkTable::take_neighbours() {
  std::vector<std::pair<NeighbourKey, std::optional<Neighbour>>> out(changed_.begin(), changed_.end());
  changed_.clear();
  return out;
}

std::vector<LocalInterface> NetworkTable::interfaces() const {
  std::vector<LocalInterface> out;
  for (const auto& [index, link] : links_) {
    if (!link.loopback) out.push_back({link.name, link.mac, link.addresses});
  }
  return out;
}

std::vector<LinkState> NetworkTable::links() const {
  std::vector<LinkState> out;
  for (const auto& [index, link] : links_) {
    if (!link.loopback) out.push_back({link.name, index, link.up});
  }
  return out;
}

std::optional<unsigned> NetworkTable::index_of(const std::string& name) const {
  for (const auto& [index, link] : links_) {
    if (link.name == name) return index;
  }
  return std::nullopt;
}

const Neighbour* NetworkTable::find(const NeighbourKey& key) const {
  const auto* found = entry(key);
  return found == nullptr ? nullptr : &found->neighbour;
}

bool NetworkTable::pinned(const NeighbourKey& key) const {
  const auto* found = entry(key);
  return found != nullptr && found->pinned;
}

std::vector<NeighbourKey> NetworkTable::pinned() const {
  std::vector<NeighbourKey> out;
  for (const auto& [index, link] : links_) {
    for (const auto& [ip, found] : link.neighbours) {
      if (found.pinned) out.push_back({link.name, ip});
    }
  }
  return out;
}

void NetworkTable::own(const NeighbourKey& key, bool owned) {
  if (owned) {
    own_.insert(key);
  } else {
    own_.erase(key);
  }
}

std::optional<MacAddress> NetworkTable::left(const NeighbourKey& key) const {
  const auto* found = entry(key);
  return found == nullptr ? std::nullopt : found->left;
}

std::vector<NeighbourKey> NetworkTable::take_unsettled() {
  std::vector<NeighbourKey> out;
  for (const auto& key : std::exchange(unsettled_, {})) {
    const auto* found = entry(key);
    if (found == nullptr || found->pinned) continue;
    const bool moved = found->left && found->neighbour.mac != *found->left;
    if (moved || found->neighbour.state == Neighbour::State::kAbsent) out.push_back(key);
  }
  return out;
}

void NetworkTable::give_up(const NeighbourKey& key) {
  for (auto& [index, link] : links_) {
    const auto it = link.neighbours.find(key.ip);
    if (link.name != key.interface || it == link.neighbours.end() || !it->second.left) continue;
    it->second.left.reset();
    tell(key, std::nullopt, it->second.told());
  }
}

const NetworkTable::Entry* NetworkTable::entry(const NeighbourKey& key) const {
  for (const auto& [index, link] : links_) {
    if (link.name != key.interface) continue;
    const auto it = link.neighbours.find(key.ip);
    return it == link.neighbours.end() ? nullptr : &it->second;
  }
  return nullptr;
}

}  // namespace postern::gateway
