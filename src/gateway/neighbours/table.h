#pragma once
// Interfaces, addresses and neighbours as rtnetlink's messages tell them. Pure: bytes in, changes out. Thread: one.
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/hex.h"
#include "gateway/addresses/resolver.h"
#include "gateway/neighbours/watch.h"

namespace postern::gateway {

/// Marks the entries that a gateway pinned, also one that is no more: what `ip neigh show proto 80` lists. An
/// administrator's entries bear no mark, or another.
inline constexpr std::uint8_t kPinProtocol = 80;

class NetworkTable {
 public:
  /// Takes whole messages (RTM_NEWLINK, …), as they stand in one datagram. What it does not know it passes over.
  void take(ByteView datagram);
  /// Between these everything that there is comes anew; what did not come is gone.
  void begin_reading();
  void end_reading();

  /// Changes since the last call.
  bool take_interfaces_changed() { return std::exchange(interfaces_changed_, false); }
  std::vector<std::pair<NeighbourKey, std::optional<Neighbour>>> take_neighbours();
  bool take_next_hops_changed() { return std::exchange(next_hops_changed_, false); }

  /// The routers that the routes read last lead to. An event about a route or a link only says that they are to be read
  /// again: the kernel tells neither which route another one replaced nor which went with its link.
  const std::set<IpAddress>& next_hops() const { return next_hops_; }
  /// Names of the interfaces that routes to everywhere (a prefix of no bits) lead out by. Read with the next hops.
  std::set<std::string> default_interfaces() const;
  bool routes_outdated() const { return routes_outdated_; }
  void begin_routes();
  void end_routes(bool complete);  ///< Not complete: what was known before stays beside what came.

  /// All but loopback, in the order of their indexes.
  std::vector<LocalInterface> interfaces() const;
  std::vector<LinkState> links() const;
  std::optional<unsigned> index_of(const std::string& name) const;
  const Neighbour* find(const NeighbourKey& key) const;
  bool pinned(const NeighbourKey& key) const;  ///< By a gateway.
  std::vector<NeighbourKey> pinned() const;

  /// Whether this gateway pins the entry. What one before it pinned says nothing of who is there now: `take_neighbours`
  /// doesn't tell of such an entry until its card, asked, has answered or not.
  void own(const NeighbourKey& key, bool owned);
  /// The hardware address that such an entry was pinned to; none: it is an ordinary one.
  std::optional<MacAddress> left(const NeighbourKey& key) const;
  /// Such entries to ask about again: somebody else's ARP or ND moved them before their card answered, or it does not.
  std::vector<NeighbourKey> take_unsettled();
  void give_up(const NeighbourKey& key);  ///< It counts as what it is now.

 private:
  struct Entry {
    Neighbour neighbour;
    bool pinned = false;
    std::optional<MacAddress> left;  // see there
    std::optional<Neighbour> told() const { return left ? std::nullopt : std::optional(neighbour); }
    friend bool operator==(const Entry&, const Entry&) = default;
  };
  struct Link {
    std::string name;
    MacAddress mac;
    bool up = false;
    bool loopback = false;
    std::vector<LocalInterface::Address> addresses;
    std::map<IpAddress, Entry> neighbours;
    friend bool operator==(const Link&, const Link&) = default;
  };
  struct Seen {
    std::set<unsigned> links;
    std::set<std::pair<unsigned, IpAddress>> addresses, neighbours;
  };
  void link(bool added, const void* message);
  void address(bool added, const void* message);
  void neighbour(bool added, const void* message);
  void route(const void* message);
  void drop_link(unsigned index);
  const Entry* entry(const NeighbourKey& key) const;
  void tell(const NeighbourKey& key, const std::optional<Neighbour>& before, const std::optional<Neighbour>& now);

  std::map<unsigned, Link> links_;
  std::optional<Seen> seen_;  // while everything is read anew
  bool interfaces_changed_ = false;
  std::set<IpAddress> next_hops_;
  std::optional<std::set<IpAddress>> hops_read_;  // while the routes are read
  std::set<unsigned> default_links_, default_links_read_;
  bool routes_outdated_ = true;
  bool next_hops_changed_ = false;
  std::map<NeighbourKey, std::optional<Neighbour>> changed_;
  std::set<NeighbourKey> own_, unsettled_;
};

}  // namespace postern::gateway
