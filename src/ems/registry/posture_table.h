#pragma once
// Facts and tags of all endpoints. What rules make of facts, the population says; what an endpoint is said to have
// follows it at once or later: a change of a tag reaches a million endpoints some at a time, and a loss may be delayed.
// Until it followed, an endpoint keeps what it had. Changes can be taken back until they are committed.
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "posture/fact.h"
#include "posture/population/population.h"
#include "posture/tag_sets.h"

namespace postern::ems {

/// About what a fact takes where it is kept as it came, in bytes.
std::size_t fact_bytes(std::string_view key, const posture::Fact& fact);

/// Thread: one.
class PostureTable {
 public:
  struct Edit {
    std::string key;
    std::optional<posture::Fact> fact;  ///< None: it vanishes.
  };
  /// What of an endpoint is another than when it was last committed, as it was then.
  struct Before {
    std::map<std::string, std::optional<posture::Fact>, std::less<>> facts;
    std::map<posture::TagId, posture::TagState> tags;  ///< As it was said to have them.
  };

  // ---- endpoints

  /// Without facts. What rules make of that, it has yet to follow.
  posture::Slot add(Now now);
  void remove(posture::Slot slot);

  // ---- from the store, before there is any tag

  void load_facts(posture::Slot slot, const posture::FactMap& facts);
  void load_tags(posture::Slot slot, const posture::TagSets& tags);
  /// All is loaded, and the tags are set: who has others than rules say now has yet to follow. `count` is told each
  /// loaded tag's endpoints.
  void loaded(const std::function<void(posture::TagId, const posture::SlotSet& has, const posture::SlotSet& unknown)>& count);

  // ---- facts

  void change(posture::Slot slot, std::span<const Edit> edits, Now now);
  /// Nothing that is committed or could be taken back.
  void change_quietly(posture::Slot slot, std::span<const Edit> edits, Now now);
  std::optional<posture::Fact> fact(posture::Slot slot, std::string_view key) const { return population_.get(slot, key); }
  posture::FactMap facts(posture::Slot slot) const { return population_.facts(slot); }
  std::vector<std::string_view> keys(posture::Slot slot) const { return population_.keys(slot); }
  std::size_t fact_count(posture::Slot slot) const { return population_.fact_count(slot); }
  std::size_t bytes(posture::Slot slot) const { return slot < bytes_.size() ? bytes_[slot] : 0; }  ///< By fact_bytes.

  // ---- signs of life; true: some tag has to be followed

  bool confirm(posture::Slot slot, WallTime at, Now now);
  bool lapse(posture::Slot slot, bool lapsed, Now now);
  bool lapsed(posture::Slot slot) const { return population_.lapsed(slot); }
  bool hold_to(posture::Slot slot, WallTime latest, Now now);
  /// By what time alone did.
  bool judge_again(posture::Slot slot, Now now);
  std::optional<posture::Slot> due(WallTime now) const { return population_.due(now); }

  // ---- tags

  using TagEdit = posture::Population::TagEdit;
  bool has_tag(posture::TagId id) const { return population_.has_tag(id); }
  /// Errors as the population's. Too little memory ends the process, here and in what_if(): tags are in force whole or not.
  Status change_tags(std::span<const TagEdit> edits, Now now);
  /// What endpoints are said to have.
  posture::TagState state(posture::Slot slot, posture::TagId tag) const;
  posture::TagSets tags(posture::Slot slot) const;
  /// What rules make of their facts.
  posture::TagState judged(posture::Slot slot, posture::TagId tag) const { return population_.state(slot, tag); }
  /// What change_tags(edits) would do to what endpoints are said to have once they followed, of these tags and of those
  /// that refer to them; a tag of which nothing changes is left out. `as_it_is`: the tags that are there now, by id.
  /// Afterwards all is as it was.
  Result<std::vector<posture::TagEffect>> what_if(
      std::span<const TagEdit> edits,
      const std::function<std::shared_ptr<const posture::CompiledTag>(posture::TagId)>& as_it_is, Now now);

  // ---- who is said to have something else than rules say

  struct Said {
    posture::TagId tag = 0;
    posture::TagState state = posture::TagState::kAbsent;
    friend bool operator==(const Said&, const Said&) = default;
  };
  /// The tags that it has yet to follow, ascending, and what it is said to have meanwhile.
  std::vector<Said> waiting(posture::Slot slot) const;
  bool waits(posture::Slot slot, posture::TagId tag) const;
  posture::SlotSet waiting_for(posture::TagId tag) const;
  /// Who has yet to follow some tag.
  const posture::SlotSet& who_waits() const { return who_waits_; }
  void follow(posture::Slot slot, std::span<const posture::TagId> tags);
  /// Who waited to lose a tag and has it by its rules again, because tags changed; since this was last asked.
  posture::SlotSet take_regained() { return std::exchange(regained_, {}); }

  // ---- transactions

  const Before& before(posture::Slot slot) const;
  std::optional<posture::Fact> fact_before(posture::Slot slot, std::string_view key) const;
  posture::TagSets tags_before(posture::Slot slot) const { return tags_before(slot, tags(slot)); }
  /// For who has read tags(slot) already.
  posture::TagSets tags_before(posture::Slot slot, const posture::TagSets& tags) const;
  void commit() { before_.clear(); }
  void rollback(Now now);

  posture::Population::Memory memory() const { return population_.memory(); }

 private:
  struct Waiting {
    posture::SlotSet slots, had, unknown;  ///< What they are said to have.
    posture::TagState state(posture::Slot slot) const;
  };
  void apply(posture::Slot slot, std::span<const Edit> edits, Now now);
  bool note(posture::Slot slot, const std::vector<posture::TagChange>& changes);
  void note(const posture::TagEffect& effect, posture::SlotSet& stopped);
  void note(std::span<const posture::TagEffect> effects);
  posture::TagEffect to_follow(posture::TagId tag) const;
  void wait(posture::Slot slot, posture::TagId tag, posture::TagState said);
  void take_out(posture::Slot slot, posture::TagId tag);
  void look_whether_waiting(posture::Slot slot);  ///< After take_out.

  posture::Population population_;
  std::map<posture::TagId, Waiting> waiting_;  ///< None is empty.
  /// All of these together: most endpoints wait for nothing, and need not look at each tag for that.
  posture::SlotSet who_waits_;
  posture::SlotSet regained_;
  std::unordered_map<posture::Slot, Before> before_;
  std::vector<std::uint32_t> bytes_;           ///< By slot.
  std::map<posture::TagId, std::pair<posture::SlotSet, posture::SlotSet>> loaded_;
};

/// One endpoint's place there. Of a copy of an endpoint too, this tells what is now.
class EndpointPosture {
 public:
  EndpointPosture() = default;  ///< Nothing is known.
  EndpointPosture(const PostureTable& table, posture::Slot slot) : table_(&table), slot_(slot) {}
  posture::Slot slot() const { return slot_; }

  std::optional<posture::Fact> fact(std::string_view key) const {
    return table_ == nullptr ? std::nullopt : table_->fact(slot_, key);
  }
  /// The value of a fact that is known and of this type.
  template <class T>
  std::optional<T> known(std::string_view key) const {
    auto found = fact(key);
    T* value = found ? std::get_if<T>(&found->value) : nullptr;
    return value == nullptr ? std::nullopt : std::optional<T>(std::move(*value));
  }
  posture::FactMap facts() const { return table_ == nullptr ? posture::FactMap() : table_->facts(slot_); }
  posture::TagSets tags() const { return table_ == nullptr ? posture::TagSets() : table_->tags(slot_); }
  posture::TagState tag(posture::TagId id) const {
    return table_ == nullptr ? posture::TagState::kAbsent : table_->state(slot_, id);
  }

 private:
  const PostureTable* table_ = nullptr;
  posture::Slot slot_ = 0;
};

}  // namespace postern::ems
