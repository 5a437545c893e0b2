#pragma once
// The firewall as text: from policies and resolved addresses to nftables commands, whole or as a delta. Pure.
//
// One table `inet <name>`. Per dynamic address T: the set T (IPv4), T/6 (IPv6), and, where a policy denies by T or
// negates it, T/mac (hardware addresses: they only ever refuse, docs/adr/0021), T/known and T/known6: the addresses of which it
// is known whether they have T. `alive` is the lease;
// `bound` and `bound6` hold address, hardware address and interface of adjacent endpoints, `routed` and `routed6`
// addresses without adjacency: what depends on a tag passes only from a source that one of these confirms. `held` and
// `held6` hold the addresses that stand in `bound`: whatever comes from one of them in another way than `bound` says is
// dropped on arrival, before connection tracking sees it. They have no lease, for they only close. While the
// table is built anew, a table `<name>_guard` stands in for those: it drops what comes from ranges that cover what they will
// hold. What is forwarded must come in by the interface that its source is routed to, unless that stands in `unchecked`. Each policy
// has a chain per direction; replies pass only to connections in reply direction whose endpoint still meets the
// policy. Forwarded traffic that no policy takes is dropped. What policies list stands in the sets `list/…`.
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "gateway/firewall/fingerprint.h"
#include "gateway/firewall/policy.h"
#include "gateway/firewall/rules.h"
#include "gateway/records/record.h"
#include "policy/reason.h"

namespace postern::gateway::firewall {

/// A resolved address. `known` holds the tags of which it is known whether the owner has them (those it has included);
/// a tag with on_unknown "ignore" counts as known. Tags by the name of their dynamic address.
struct AddressEntry {
  IpAddress ip;
  MacAddress mac;           ///< With `interface`: adjacent. Not valid: routed.
  std::string interface;
  std::set<std::string> tags;
  std::set<std::string> known;
  RecordKey owner = {};     ///< For people.
  friend bool operator==(const AddressEntry&, const AddressEntry&) = default;
};

/// Why an address is nobody's any more, for people.
struct Gone {
  policy::Reason reason = policy::Reason::kUnknownEndpoint;
  std::string detail;
};

/// One transaction for nftables, and the addresses whose tracked connections may have lost what they stood on.
struct Change {
  std::string ahead = {};           ///< A transaction in front of it.
  std::string commands;             ///< Empty: nothing to do.
  /// Transactions to follow, in order, where all would be too much for one: after each of them every source is judged as
  /// before, as after all, or as one of whom nothing is known.
  std::vector<std::string> more = {};
  std::vector<IpAddress> flush;
  std::map<IpAddress, AddressEntry> before = {};  ///< Of these, what changed or is gone, as it was.
  std::map<IpAddress, Gone> gone = {};
  bool structure = false;           ///< It changes more than what stands in sets.
  std::size_t structure_behind = 0; ///< That is done after so many of `more`.
};

/// What one set should hold, once what was taken last is in force.
struct Expected {
  std::string type;
  Fingerprint elements;
  std::uint64_t touched = 0;  ///< The change that touched it last: FirewallModel::taken() then.
};

/// The table that stands in while `table` is built anew.
std::string guard_of(std::string_view table);

/// "EMS1_ZTNA_a b" as an nftables set name; distinct for distinct names.
std::string set_name(std::string_view dynamic_address);

/// Thread: one. Changes are collected until `take_change`; the caller applies what that returns and, when the kernel
/// refused it, asks for `take_rebuild`.
class FirewallModel {
 public:
  /// So many elements change in one transaction, about; an address's sets are never torn apart.
  static constexpr std::size_t kPiece = 4096;

  explicit FirewallModel(std::string table = "postern", std::size_t piece = kPiece);

  void set_policies(std::vector<Policy> policies);
  /// The dynamic addresses that exist (known from an EMS); those that policies name exist anyway.
  void set_tags(std::set<std::string> dynamic_addresses);
  /// Interfaces by which any source may come, wherever it is routed to.
  void set_unchecked(const std::set<std::string>& interfaces);
  void upsert(AddressEntry entry);
  void remove(const IpAddress& ip, Gone why = {});

  /// What leads from what was taken last to now.
  Change take_change();
  /// Everything, from an empty table; the lease is not in it, and belongs behind `commands`.
  Change take_rebuild();
  /// Where that takes several transactions: its `ahead` and its `commands`, which are found much sooner than the rest. Else nothing.
  std::optional<Change> rebuild_head() const;
  std::string renew_command(unsigned seconds) const;
  std::string end_lease_command() const;

  const std::map<IpAddress, AddressEntry>& addresses() const { return addresses_; }
  /// By set; without the lease, and without what policies list.
  const std::map<std::string, Expected>& expected() const { return expected_; }
  std::uint64_t taken() const { return taken_; }  ///< How many changes were taken.
  const std::vector<Policy>& policies() const { return policies_; }
  const std::string& table() const { return table_; }
  void set_piece(std::size_t elements) { piece_ = elements; }

 private:
  using Elements = std::map<std::string, std::set<std::string>>;  // by set, in nft syntax
  struct SetDefinition {
    std::string type;
    friend bool operator==(const SetDefinition&, const SetDefinition&) = default;
  };
  std::map<std::string, SetDefinition> wanted_sets() const;
  void add_elements(const AddressEntry& entry, int by);
  void judge_elements(const AddressEntry& entry, const std::string& tag, int by);
  void count(const std::string& set, std::string element, int by);
  void take_flushed(Change& change);
  /// By set: what goes and what comes.
  using Difference = std::map<std::string, std::pair<std::vector<std::string>, std::vector<std::string>>>;
  static std::size_t elements_in(const Difference& diff);
  /// `before`: what stood in the sets.
  void put_in_pieces(Change& change, const Difference& diff, const Elements& before, const std::string& new_sets,
                     const std::string& rules);
  void fill_in_pieces(Change& change) const;
  bool in_pieces(const std::map<std::string, SetDefinition>& sets) const;
  std::string table_text(const std::map<std::string, SetDefinition>& sets, const Ruleset& rules, bool empty) const;
  std::string guard() const;
  std::string guard_end() const;
  void expect_sets();
  void expect(const std::string& set, const std::string& element, bool there);

  std::string table_, guard_;
  std::size_t piece_;
  std::vector<Policy> policies_;
  std::set<std::string> tags_;
  std::set<std::string> unchecked_;
  std::set<std::string> judged_;  // tags of which policies need `known`
  std::map<IpAddress, AddressEntry> addresses_;
  std::map<std::string, std::map<std::string, int>> wanted_;  // set, element, how many entries ask for it
  std::map<std::string, SetDefinition> applied_sets_;
  Elements applied_;
  std::map<std::string, Expected> expected_;  // of applied_
  std::uint64_t taken_ = 0;
  std::set<std::pair<std::string, std::string>> dirty_;  // set, element
  std::set<IpAddress> flush_;
  std::map<IpAddress, AddressEntry> before_;
  std::map<IpAddress, Gone> gone_;
  Ruleset applied_rules_;
  bool built_ = false;
  bool structure_dirty_ = true;
};

}  // namespace postern::gateway::firewall
