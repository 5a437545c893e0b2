#pragma once
// Tags on this gateway: each dynamic address name ("EMS1_ZTNA_x") has one bit, the same in ec-shm, in policies and in
// the firewall's sets. A name that a policy uses has its bit before any EMS knows the tag. Thread: one.
#include <bitset>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "gateway/records/record.h"

namespace postern::gateway {

/// How many tags one gateway can hold at once, over all connectors (the width of an ec-shm slot).
inline constexpr std::size_t kMaxTags = 512;
using TagBits = std::bitset<kMaxTags>;

class TagTable {
 public:
  struct Entry {
    std::string address_name;
    std::size_t bit = 0;
    ConnectorId connector = 0;       ///< 0 while no EMS defines it.
    std::optional<TagInfo> info;     ///< Empty while no EMS defines it.
    bool used_by_policy = false;
  };

  /// Would a number that stands for one of this connector's tags stand for another one by these?
  bool means_otherwise(ConnectorId connector, const std::vector<TagInfo>& tags) const;
  /// Replaces what one connector defines. Returns the names that found no bit (more than kMaxTags in use): they are kept,
  /// and get one when one is free, or when a policy names them.
  std::vector<std::string> set_defined(ConnectorId connector, const std::vector<TagInfo>& tags);
  /// Replaces the names that policies use. Where there is no bit for one, a tag that no policy names gives up its own, unless
  /// a policy named it until now: the policies that are published may still ask for that bit. Returns the names that found
  /// none even so.
  std::vector<std::string> set_used(const std::set<std::string>& address_names);
  /// Bits that the policies in force ask for, which may be those of before while new ones can't be published: to another
  /// name none of them is given.
  void set_asked(const TagBits& bits) { asked_ = bits; }

  /// By which bits records are told: equal ones make the same slots of the same records.
  struct Meaning {
    std::map<std::pair<ConnectorId, std::uint32_t>, std::size_t> bits;
    std::map<ConnectorId, TagBits> defined;
    std::map<std::string, std::size_t> names;
    friend bool operator==(const Meaning&, const Meaning&) = default;
  };
  Meaning meaning() const;

  const Entry* find(const std::string& address_name) const;
  std::optional<std::size_t> bit_of(ConnectorId connector, std::uint32_t tag_id) const;
  const std::map<std::string, Entry>& entries() const { return entries_; }
  /// Bits that `connector` defines: for its endpoints everything else is unknown.
  const TagBits& defined_by(ConnectorId connector) const;

 private:
  struct Definition {
    ConnectorId connector = 0;
    TagInfo info;
  };
  /// `kept`: bits that may not be given to anybody.
  Entry* acquire(const std::string& address_name, const TagBits& kept = {});
  void define(Entry& entry, const Definition& definition);
  bool evict(const TagBits& kept);
  void place_homeless(const TagBits& kept);
  void collect();

  std::map<std::string, Entry> entries_;
  std::map<std::pair<ConnectorId, std::uint32_t>, std::size_t> bits_;
  std::map<ConnectorId, TagBits> defined_;
  std::map<std::string, Definition> homeless_;
  TagBits taken_;
  TagBits asked_;
};

}  // namespace postern::gateway
