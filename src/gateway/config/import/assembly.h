#pragma once
// All drafts together: what refers to what, what is therefore left out or off, and the transaction of the rest. Thread: any.
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gateway/config/import/fortios.h"

namespace postern::gateway::config::fortios {

class Assembly {
 public:
  /// `judgements` outlives it.
  Assembly(const Snapshot& base, const Machine& machine, Judgements& judgements)
      : base_(base), machine_(machine), judgements_(judgements) {}

  EmsSlots slots;                 ///< Before `add`.
  std::set<std::string> zones;    ///< Names that are no interfaces there. Before `settle`.
  /// What refuses traffic there in front of all policies, and does not exist here; empty: nothing. Before `settle`.
  std::string refuses_before;

  /// `misplaced`: a statement of its table that no `show` prints: what it would have done to the entry is not known.
  void add(const Entry& entry, const Table& table, const std::string& from, std::optional<At> misplaced = {});

  /// Decides about every draft. The transaction validates, and holds exactly the drafts that are alive.
  Transaction settle();

  const std::vector<Draft>& drafts() const { return drafts_; }
  std::vector<std::string> notices() const;

  enum class Compared { kNew, kChanged, kSame, kNothing };
  /// With what was here before. kNothing: a single object of which nothing was taken.
  Compared compared(const Draft& draft) const;

 private:
  struct Found {
    bool good = false;
    std::string missing;           ///< Why it isn't good.
    const Draft* draft = nullptr;  ///< If it is one of ours.
    std::string wider;             ///< What is built in here under this name allows more.
    const Object* built_in = nullptr;  ///< If it is built in here.
  };
  void meet_built_in(Draft& draft);
  void meet_twin(Draft& draft);
  void meet_namesake(Draft& draft);
  void meet_zones(Draft& draft);
  Found find(const Reference& reference) const;
  bool is_both_icmp(const Reference& reference, std::set<std::string>& seen) const;
  bool resolve(Draft& draft);
  void switch_off();
  void switch_off_behind_refusals();
  std::string why_wider(const Draft& draft);
  bool in_force(const Draft& policy) const;
  Status write(Transaction& t, const Draft& draft, ObjectPath path) const;
  Status write_all(Transaction& t, const std::vector<Draft*>& drafts) const;
  bool drop_invalid(const Transaction& good, const std::vector<Draft*>& drafts);
  std::vector<Draft*> alive();
  std::set<std::string> assumed_services() const;

  Snapshot base_;
  const Machine& machine_;
  Judgements& judgements_;
  std::vector<Draft> drafts_;
  std::map<std::pair<std::string, std::string>, std::size_t> by_name_;  ///< Our table and key.
  std::map<const Draft*, std::string> wider_;  ///< What is known of why_wider; empty: no reason.
  std::set<std::string> made_;                 ///< Of all_of_family.
};

}  // namespace postern::gateway::config::fortios
