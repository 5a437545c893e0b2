#pragma once
// Which endpoints have what, of those that are committed: found by certificates, gateways, states and what was given them.
#include <cstddef>
#include <optional>
#include <set>
#include <unordered_map>

#include "ems/registry/model.h"

namespace postern::ems {

/// Thread: one.
class EndpointIndex {
 public:
  /// `routes`: its fact of the key keys::kRoutes.
  void add(const Endpoint& endpoint, const std::optional<posture::Fact>& routes) { change(endpoint, routes, +1); }
  /// REQUIRES: it was added so.
  void remove(const Endpoint& endpoint, const std::optional<posture::Fact>& routes) { change(endpoint, routes, -1); }

  /// That has this certificate, or a certificate for this key. Null: none.
  const EndpointUid* by_leaf(const Sha256& leaf) const;
  const EndpointUid* by_key(const Sha256& key) const;
  /// Whose default routes lead to this gateway.
  const std::set<EndpointUid>& behind(const MacAddress& gateway) const;
  const std::set<EndpointUid>& quarantined() const { return quarantined_; }
  const posture::SlotSet& registered() const { return registered_; }
  struct Counts {
    std::size_t registered = 0, online = 0, quarantined = 0;
  };
  const Counts& counts() const { return counts_; }
  /// How many have this inventory.
  std::size_t inventory_uses(const Sha256& hash) const;

  /// To whom a tag is given by hand: sums, in which the order plays no part.
  struct Given {
    std::size_t endpoints = 0;  ///< Registered or not.
    std::size_t who = 0;        ///< Of other endpoints another number, with near certainty; after a restart the same.
    friend bool operator==(const Given&, const Given&) = default;
    void add(const EndpointUid& uid);
    void remove(const EndpointUid& uid);
  };
  Given given(posture::TagId id) const;

 private:
  void change(const Endpoint& endpoint, const std::optional<posture::Fact>& routes, int sign);

  std::unordered_map<Sha256, EndpointUid> by_leaf_;
  std::unordered_map<Sha256, EndpointUid> by_key_;
  std::unordered_map<MacAddress, std::set<EndpointUid>> behind_;
  std::set<EndpointUid> quarantined_;
  posture::SlotSet registered_;
  std::unordered_map<Sha256, std::size_t> inventory_uses_;
  std::unordered_map<posture::TagId, Given> given_;
  Counts counts_;
};

/// The hardware addresses of the gateways that default routes lead to; `fact` is that of the key keys::kRoutes.
std::set<MacAddress> gateway_macs(const std::optional<posture::Fact>& fact);

}  // namespace postern::ems
