#pragma once
// What the kernel knows of the network around: our interfaces with their addresses, and who answers on them. Events by
// rtnetlink, as they happen; a lost event leads to a new reading of everything.
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "gateway/addresses/resolver.h"
#include "net/loop.h"

namespace postern::gateway {

struct NetworkEvents {
  std::function<void(std::vector<LocalInterface>)> interfaces;  ///< The whole list, when it changed.
  std::function<void(const std::set<IpAddress>&)> next_hops;  ///< Of all routes, likewise.
  /// That routes to everywhere lead out by, likewise.
  std::function<void(const std::set<std::string>&)> default_interfaces = nullptr;
  std::function<void(const NeighbourKey&, const Neighbour&)> neighbour;
  std::function<void(const NeighbourKey&)> neighbour_gone;
};

/// What `get system interface` shows of one interface beside its addresses.
struct LinkState {
  std::string name;
  unsigned index = 0;
  bool up = false;  ///< Administratively up and with carrier.
};

/// Of the network namespace in which it was opened. Thread: loop.
class NetworkWatch {
 public:
  virtual ~NetworkWatch() = default;
  /// Reads everything once, calls `events` for it before returning, and from then on for each change.
  /// Errors: kUnavailable, kPermissionDenied.
  static Result<std::unique_ptr<NetworkWatch>> open(net::Loop& loop, NetworkEvents events);

  virtual const std::vector<LocalInterface>& interfaces() const = 0;  ///< All but loopback.
  virtual const std::vector<LinkState>& links() const = 0;
  /// Makes the kernel ask by ARP or ND; the answer comes as an event (kPresent or kAbsent). An entry that is there is
  /// confirmed anew. One that a gateway before this one pinned says nothing before it is asked about, and is an
  /// ordinary one from then on: its card is asked first, and everybody if that doesn't answer. Errors: kNotFound (no
  /// such interface), kConflict (the entry is permanent), kPermissionDenied, kUnavailable.
  virtual Status probe(const NeighbourKey& key) = 0;
  /// Makes the entry permanent: nobody's ARP or ND moves it until `unpin`, and the end of this process doesn't either.
  /// An entry that an administrator made permanent stays as it is. Errors: kNotFound (no such interface),
  /// kPermissionDenied, kUnavailable.
  virtual Status pin(const NeighbourKey& key, const MacAddress& mac) = 0;
  /// Removes the entry if a gateway pinned it (this one, or one before it): the next packet asks the network. Nothing
  /// happens to other entries. Errors: kPermissionDenied, kUnavailable.
  virtual Status unpin(const NeighbourKey& key) = 0;
  /// The entries that a gateway pinned, this one or one before it.
  virtual std::vector<NeighbourKey> pinned() const = 0;
  /// The hardware address to which one before this one pinned the entry; none: it didn't, or `pin`, `unpin` or the
  /// network's answer came since.
  virtual std::optional<MacAddress> left(const NeighbourKey& key) const = 0;
};

/// As `probe`, of an entry that is not to be pinned any more: one that is all the same, because removing it failed, is
/// removed first. Errors: as `unpin` and `probe`.
Status probe_unpinned(NetworkWatch& watch, const NeighbourKey& key);

}  // namespace postern::gateway
