#pragma once
// The memory of the EMS: tables whose changes wait for a commit, and indexes over what is committed.
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "ems/registry/endpoint_index.h"
#include "ems/registry/model.h"
#include "ems/registry/table.h"
#include "ems/store/store.h"

namespace postern::ems {

/// Thread: one.
class Registry {
 public:
  Table<std::string, std::string> meta;
  Table<posture::TagId, Tag> tags;              ///< Without the built-in.
  Table<std::string, Profile> profiles;
  Table<std::string, Invitation> invitations;
  Table<EndpointUid, Endpoint> endpoints;
  Table<GatewaySerial, FabricDevice> devices;
  Table<std::string, Administrator> administrators;
  Table<std::string, ApiToken> tokens;
  Table<std::string, ServerCertificate> certificates;
  Table<std::string, Feed> feeds;
  Table<std::string, Risk> risks;
  PostureTable postures;                         ///< Of the endpoints.
  Table<std::string, std::string> inventories;  ///< By lower-case hash; deflated text, only until it is committed.

  /// Everything from the store but what tags make of it: postures.loaded() follows when they are set, then
  /// tags_loaded(). Error: kDataLoss naming the row, those of the store.
  Status load(const Store& store);
  void tags_loaded();

  /// The endpoint to change, with a place among the others' facts if it is new.
  Endpoint& edit_or_add(const EndpointUid& uid, Now now);
  void erase_endpoint(const EndpointUid& uid);
  /// Whose place it is; null: nobody's.
  const Endpoint* at(posture::Slot slot) const { return slot < by_slot_.size() ? by_slot_[slot] : nullptr; }

  /// What the tables' changes come to, as rows and log entries. Audit is the caller's.
  Batch batch(WallTime at) const;
  /// After the commit: indexes follow, changes are final.
  void commit();
  void rollback(Now now);
  /// The endpoint's often changing row is written with the next batch, although only its last-seen moved.
  void restamp(const EndpointUid& uid) { restamped_.insert(uid); }
  /// Objects touched since the last commit, about.
  std::size_t touched() const;

  // Over what is committed.
  const EndpointUid* by_leaf(const Sha256& leaf) const { return index_.by_leaf(leaf); }
  const std::set<EndpointUid>& behind(const MacAddress& gateway) const { return index_.behind(gateway); }
  const std::set<EndpointUid>& quarantined() const { return index_.quarantined(); }
  const posture::SlotSet& registered() const { return index_.registered(); }
  const EndpointIndex::Counts& counts() const { return index_.counts(); }
  struct TagCounts {
    std::size_t has = 0, unknown = 0;
  };
  TagCounts tag_counts(posture::TagId id) const;
  bool has_inventory(const Sha256& hash) const;   ///< Committed or about to be.
  bool classifies(posture::TagId id) const;       ///< It is given to some endpoint by hand; committed or about to be.
  using Given = EndpointIndex::Given;
  Given given_by_hand(posture::TagId id) const;   ///< Committed or about to be.

  /// Committed or not: an endpoint that has, or had, a certificate for this key. Null: none.
  const Endpoint* by_key(const Sha256& key) const;

 private:
  void count_tags(const Endpoint* before, const Endpoint* after);
  void place(Endpoint& endpoint, Now now);

  std::vector<const Endpoint*> by_slot_;
  EndpointIndex index_;
  std::unordered_map<posture::TagId, TagCounts> tag_counts_;
  std::set<EndpointUid> restamped_;
};

/// Is what is known the same, whenever it was collected?
bool same_fact(const posture::Fact& a, const posture::Fact& b);

}  // namespace postern::ems
