#pragma once
// All drafts together: what refers to what, what is therefore left out or off, and the transaction of the rest. Thread: any.
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gateway/config/import/families.h"
#include "gateway/config/import/fortios.h"

namespace postern::gateway::config::fortios {

class Assembly {
 public:
  /// `judgements` outlives it.
  Assembly(const Snapshot& base, const Machine& machine, Judgements& judgements)
      : base_(base), machine_(machine), judgements_(judgements) {}

  EmsSlots slots;                 ///< Before `add`.
  std::set<std::string> zones;    ///< Names that are no interfaces there. Before `settle`.
  /// Why traffic is refused there in front of all policies, and not here; empty: it isn't. Before `settle`.
  std::string refuses_before;
  struct Narrowed {
    std::string setting;  ///< "set security-mode captive-portal".
    bool both = false;    ///< What leaves by it, too.
  };
  std::map<std::string, Narrowed> narrow_interfaces;  ///< By name. Before `settle`.
  bool users_stop = false;  ///< See stops_some(). Before `settle`.
  /// Our tables of which a statement stands in the text that no `show` prints, such as `delete`, wherever it stands: what
  /// it would have done to entries, ours or those of the text, is not known. Before `add`.
  std::map<std::string, At, std::less<>> misplaced;
  /// Names of the text that addresses have there, and the tables that they stand in: what refers to one meant no address.
  /// Before `settle`.
  std::map<std::string, std::string, std::less<>> no_addresses;

  void add(const Entry& entry, const Table& table, const std::string& from);

  /// Decides about every draft. The transaction validates (but for what only the running gateway knows), and holds
  /// exactly the drafts that are alive.
  Transaction settle();

  const std::vector<Draft>& drafts() const { return drafts_; }
  std::vector<std::string> notices() const;
  /// Addresses of a family that were not here: "firewall address all-ipv4". Behind `settle`.
  const std::vector<std::string>& made_new() const { return made_new_; }

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
    const Object* here = nullptr;      ///< If it is an entry that is here, and not of the text.
    const Table* here_in = nullptr;
  };
  void meet_built_in(Draft& draft);
  void meet_twin(Draft& draft);
  void meet_namesakes(Draft& draft);
  void meet_zones(Draft& draft);
  void keep_accounts(Draft& draft);
  void meet_connector(Draft& draft);
  bool is_free(const std::string& name, bool four, const std::set<std::string>& mentioned) const;
  FamilyNames name_families() const;
  Found find(const Reference& reference) const;
  bool resolve(Draft& draft);
  void switch_off();
  void switch_off_behind(Draft& policy, const std::vector<const Draft*>& before) const;
  void switch_off_behind_refusals();
  using Users = std::map<const Draft*, std::vector<const Draft*>>;  ///< Who refers to it.
  std::string look_at(const Draft& draft, Users& users);
  /// What an entry that is here consists of, through everything that it refers to.
  struct Behind {
    std::vector<const Draft*> drafts;  ///< What the text puts there.
    std::string lost;                  ///< What the text has, too, and is left out.
    std::string marked;                ///< Why an earlier import said that it allows more here.
    bool both_icmp = false;
  };
  const Behind& behind(const Object& object, const Table& table);
  bool leave_out_wider();
  using Needs = std::map<const Draft*, std::vector<const Draft*>>;  ///< What it refers to, also through what is here.
  Needs needs() const;
  bool leave_out_changed();
  std::string used_in_force(const Draft& draft);
  /// Of the policies that are here and in force, those that the text doesn't replace; `left_out`: its own of that number.
  using PolicyHere = std::function<void(const Table& table, const Object& policy, const Draft* left_out)>;
  void each_that_stays(const PolicyHere& each) const;
  void mark_wider();
  bool leave_out_unmarked();
  std::string refused_without_certificate_here(const Draft& door) const;
  std::vector<std::string> of_what_stays() const;
  struct Families {
    bool four = false, six = false;
  };
  using FamiliesByName = std::map<std::string, Families>;  ///< Of those that were looked at.
  Families families_of(const std::string& name, bool of_the_text, FamiliesByName& known) const;
  void meet_other_family(Draft& draft, FamiliesByName& of_text, FamiliesByName& of_here);
  void spread_wider();
  std::string why_wider(const Draft& policy) const;
  std::string why_by_interface(const Draft& policy) const;
  bool in_force(const Draft& policy) const;
  Status write(Transaction& t, const Draft& draft, ObjectPath path) const;
  Status write_over(Transaction& t, const Draft& draft) const;
  Status write_all(Transaction& t, const std::vector<Draft*>& drafts) const;
  Transaction copy_of(const Transaction& t) const;
  bool is_destination_open(const Draft& draft) const;
  bool widen_refusals(const Transaction& all);
  static Status validate(const Transaction& t);
  bool drop_invalid(const Transaction& good, const std::vector<Draft*>& drafts);
  std::vector<Draft*> alive();
  std::vector<const Draft*> alive_in(const Table& table) const;
  bool keep_refusals();
  void keep_places();
  bool keep_refusals_in_front();
  void note_moves(const Transaction& t);
  std::set<std::string> assumed_services() const;

  Snapshot base_;
  const Machine& machine_;
  Judgements& judgements_;
  std::vector<Draft> drafts_;
  std::map<std::pair<std::string, std::string>, std::size_t> by_name_;  ///< Our table and key.
  std::map<const Draft*, std::string> wider_;  ///< Why it allows more here; of spread_wider.
  std::set<const Draft*> wider_itself_;        ///< And not by what it refers to alone; likewise.
  Users users_;                                ///< Likewise.
  std::map<const Object*, Behind> behind_;     ///< Likewise.
  std::set<const Draft*> both_icmp_;           ///< Services that are, and what refers to them; likewise.
  std::set<std::string> made_;                 ///< Names of all_of_family, where no draft has them.
  std::set<std::string, std::less<>> places_kept_;  ///< Ordered tables whose entries that are here stay where they are.
  std::vector<std::string> made_new_;
  bool destinations_settled_ = false;  ///< widen_refusals() has been asked.
  std::vector<std::string> nobody_let_in_;          ///< Notices about `dstaddr`.
  std::set<const Draft*> moved_;                    ///< Policies that were here and stand elsewhere now.
};

}  // namespace postern::gateway::config::fortios
