#pragma once
// All endpoints at once: their facts as columns, their tags as bit planes. What TagEngine says of one endpoint from its
// FactMap, a population says of a million: by the same conditions, each judged once per distinct value. See
// docs/adr/0007-columns-and-planes.md.
#include <algorithm>
#include <array>
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
#include "posture/compiled_tag.h"
#include "posture/fact.h"
#include "posture/population/blobs.h"
#include "posture/population/column.h"
#include "posture/population/deadlines.h"
#include "posture/population/dictionary.h"
#include "posture/population/kernels.h"
#include "posture/population/outcomes.h"
#include "posture/population/pages.h"
#include "posture/population/planes.h"
#include "posture/population/program.h"
#include "posture/population/rows.h"
#include "posture/population/slot_set.h"
#include "posture/population/tag_effect.h"
#include "posture/tag_reference.h"
#include "posture/tag_sets.h"

namespace postern::posture {

/// Thread: one. Throws std::bad_alloc.
class Population {
 public:
  /// A changed or, with null, a vanished fact.
  struct Change {
    std::string_view key;
    const Fact* fact = nullptr;
  };
  struct Counts {
    std::uint64_t has = 0, unknown = 0;
    friend bool operator==(const Counts&, const Counts&) = default;
  };

  struct Options {
    const Kernels& kernels = best_kernels();
    /// From so many distinct values of a fact on, where more than half of the endpoints have one of their own, a
    /// dictionary only costs: its entries take more than they save.
    std::size_t own_from = 8192;
  };
  Population() : Population(Options{}) {}
  explicit Population(Options options);
  ~Population();
  Population(const Population&) = delete;
  Population& operator=(const Population&) = delete;

  // ---- endpoints

  /// An endpoint without facts.
  Slot add(Now now);
  /// REQUIRES, here and below: the slot is in use.
  void remove(Slot slot);
  std::size_t size() const { return live_.size(); }
  const SlotSet& slots() const { return live_; }

  // ---- facts

  /// Judges what the changes can change, and nothing else. The tags that changed, those that others refer to first.
  /// Keys of tags (keys::kTagPrefix) are no facts: they are left out.
  std::vector<TagChange> apply(Slot slot, std::span<const Change> changes, Now now);
  std::vector<TagChange> set(Slot slot, std::string_view key, const Fact& fact, Now now);
  std::vector<TagChange> erase(Slot slot, std::string_view key, Now now);
  /// The endpoint gave a sign of life (FactView's `confirmed`).
  std::vector<TagChange> confirm(Slot slot, WallTime at, Now now);
  /// What the endpoint reported counts no more (its tag timeout is over), or again. Its known facts but for the EMS's
  /// own (keys::kEmsPrefix) are judged as stale meanwhile, those that come meanwhile too; get() and facts() tell them
  /// as they were reported.
  std::vector<TagChange> lapse(Slot slot, bool lapsed, Now now);
  bool lapsed(Slot slot) const { return lapsed_.contains(slot); }
  /// Of what it reported, nothing was collected later: after a clock that was ahead.
  std::vector<TagChange> hold_to(Slot slot, WallTime latest, Now now);
  /// All of its facts at once, as a store has them, in place of those it has; they count. Nothing is judged before evaluate().
  void load(Slot slot, const FactMap& facts, WallTime confirmed);

  std::optional<Fact> get(Slot slot, std::string_view key) const;
  FactMap facts(Slot slot) const;
  std::vector<std::string_view> keys(Slot slot) const;  ///< In any order. Valid until the next change.
  std::size_t fact_count(Slot slot) const { return rows_.keys(slot).size(); }
  WallTime confirmed(Slot slot) const;

  // ---- tags

  /// Adds a tag or replaces the one with this id, and judges all endpoints by it and by those that refer to it. Nothing
  /// changes on error: kAlreadyExists (another id has this name), kInvalidArgument (it would refer to itself).
  /// `effects`, if given, gets one for each tag that changed somewhere.
  Status set_tag(TagId id, std::shared_ptr<const CompiledTag> tag, Now now, std::vector<TagEffect>* effects = nullptr);
  /// Error: kNotFound.
  Status remove_tag(TagId id, Now now, std::vector<TagEffect>* effects = nullptr);
  struct TagEdit {
    TagId id = 0;
    std::shared_ptr<const CompiledTag> tag;  ///< Null: it is removed.
  };
  /// All of them at once, each id once: what matters is how the tags stand together afterwards. Nothing changes on
  /// error: those of set_tag and remove_tag.
  Status change_tags(std::span<const TagEdit> edits, Now now, std::vector<TagEffect>* effects = nullptr);
  /// Whether a tag refers to one of this name.
  bool refers_to_name(std::string_view name) const { return by_tag_name_.find(name) != by_tag_name_.end(); }
  /// What set_tag(id, draft) would do to this tag, without doing it. `id` may be new, or 0 for none.
  TagEffect what_if(TagId id, const CompiledTag& draft, Now now);
  /// Judges every tag of every endpoint anew. `effects` as above.
  void evaluate(Now now, std::vector<TagEffect>* effects = nullptr);

  std::vector<TagId> tag_ids() const;          ///< Ascending.
  bool has_tag(TagId id) const { return by_id_.contains(id); }
  TagState state(Slot slot, TagId tag) const;  ///< kAbsent for a tag that isn't there.
  TagSets tags(Slot slot) const;
  Counts count(TagId tag) const;
  SlotSet members(TagId tag, TagState state) const;  ///< `state` is kHas or kUnknown.

  // ---- time

  /// When a tag may change although no fact does; none: never.
  std::optional<WallTime> next_deadline() const { return deadlines_.next(); }
  /// One of those whose time has come, to be given to judge_again(); none: no more.
  std::optional<Slot> due(WallTime now) const { return deadlines_.due(now); }
  std::vector<TagChange> judge_again(Slot slot, Now now);

  // ---- what it costs

  struct Memory {
    std::size_t values = 0;   ///< Of single endpoints, and of dictionaries.
    std::size_t rows = 0;     ///< Which facts, and when.
    std::size_t columns = 0;  ///< Codes, and tags' planes.
    std::size_t other = 0;
    std::size_t total() const { return values + rows + columns + other; }
  };
  Memory memory() const;
  std::size_t conditions() const;  ///< Distinct ones in use.
  std::uint64_t judged() const {
    return judged_;
  }  ///< How often a tag was judged for one endpoint whose facts changed.
  InstructionSet instruction_set() const { return kernels_->set; }
  void use(const Kernels& kernels) { kernels_ = &kernels; }

 private:
  class EndpointJudge;
  class SlotFacts;
  class Numbers;
  class Sweep;
  using ConditionId = std::uint32_t;
  using TagIndex = std::uint32_t;
  static constexpr std::uint32_t kNone = 0xFFFFFFFF;

  /// A tag that reads a condition.
  struct Reader {
    TagIndex tag = 0;
    ConditionId system = kNone;  ///< `outcomes` are those of endpoints for which this matches; kNone: of all.
    Outcomes outcomes;
  };
  /// A tag that is to be judged.
  struct Pending {
    TagIndex tag = 0;
    Outcome outcome;
    bool own_system = false;  ///< The endpoint's is that of the rule which changed.
  };
  /// Conditions of one column, four to a byte.
  struct Group {
    std::vector<std::uint8_t> table;  ///< By code.
    std::array<ConditionId, kLanes> lanes{kNone, kNone, kNone, kNone};
    std::array<std::span<const Reader>, kLanes> readers;  ///< Of the lanes' conditions.
    void prefetch() const {
      __builtin_prefetch(this);
      __builtin_prefetch(&readers.back());
    }
    void prefetch_readers() const {
      for (const auto& list : readers) {
        const auto* bytes = reinterpret_cast<const std::byte*>(list.data());
        for (std::size_t at = 0; at < std::min<std::size_t>(list.size_bytes(), 512); at += 64)
          __builtin_prefetch(bytes + at);
      }
    }
  };
  struct FactColumn {
    explicit FactColumn(PageStore& pages) : codes(pages) {}
    std::string key;
    bool reported = true;  ///< By the agent.
    Column codes;
    Dictionary dictionary;
    bool own = false;  ///< Nearly every endpoint has another value: they stand in the rows, and no codes exist.
    std::uint64_t own_users = 0;
    std::vector<std::unique_ptr<Group>> groups;
    std::vector<ConditionId> kept;  ///< Conditions that read it and are judged per endpoint.
  };
  struct JudgedCondition {
    enum class Kind : std::uint8_t { kCode, kKept, kTag };
    explicit JudgedCondition(PageStore& pages) : plane(pages, Verdict::kUnknown) {}
    Kind kind = Kind::kCode;
    bool timed = false;
    std::uint8_t lane = 0;
    std::uint32_t users = 1;
    KeyId column = kNone;                 ///< kCode.
    std::uint32_t group = 0;              ///< kCode.
    TagIndex tag = kNone;                 ///< kTag: what it refers to, if that exists.
    Verdict nothing = Verdict::kUnknown;  ///< Of an endpoint without facts; kTag: if there is no such tag.
    Plane plane;                          ///< kKept.
    std::vector<Reader> readers;
    std::vector<KeyId> keys;
    std::vector<std::string> tag_names;
    std::shared_ptr<const Condition> condition;
    std::optional<Seconds> max_age;
    std::string identity;
  };
  /// What it takes to know a condition's verdict on an endpoint, close together: a changed fact asks for many of them.
  struct alignas(32) Where {
    const Column::Page* codes = nullptr;  ///< kCode: the column's pages.
    const std::uint8_t* table = nullptr;  ///< kCode: the group's, by code.
    const Plane* plane = nullptr;         ///< kKept, kTag. Null: always `nothing`.
    std::uint32_t pages = 0;              ///< kCode.
    std::uint8_t lane = 0;
    Verdict nothing = Verdict::kUnknown;
    bool steady = true;  ///< A changed tag can't change it.

    /// kCode.
    Code code(Slot slot) const { return slot / kPageSlots < pages ? codes[slot / kPageSlots].at(slot % kPageSlots) : 0; }
    Verdict verdict(Slot slot) const {
      if (table != nullptr) return lane_verdict(table[code(slot)], lane);
      return plane == nullptr ? nothing : plane->at(slot);
    }
  };
  /// What a changed fact asks of it comes first, in two cache lines side by side.
  struct alignas(128) Tag {
    explicit Tag(PageStore& pages) : plane(pages, Verdict::kNoMatch) {}
    std::span<const LogicStep> program() const {
      return {step_count <= few_steps.size() ? few_steps.data() : long_steps.data(), step_count};
    }
    /// `own_system`: of an endpoint whose system is that of the tag's rules.
    std::span<const LogicStep> program(bool own_system) const {
      return program().first(step_count - (own_system ? system_steps : 0));
    }
    void set_program(std::vector<LogicStep> program);
    void prefetch_steps() const { __builtin_prefetch(few_steps.data()); }
    void prefetch_state() const { __builtin_prefetch(&plane); }

    std::array<LogicStep, 15> few_steps;
    std::uint32_t step_count = 0;
    Plane plane;
    Counts counts;
    TagId id = 0;
    std::uint32_t system_steps = 0;  ///< So many at the end only ask whether the endpoint's system is the rules'.
    std::vector<LogicStep> long_steps;  ///< All of them, if they are more.
    std::string name;
    bool enabled = true;
    TagKind kind = TagKind::kSecurity;
    std::vector<ConditionId> conditions;    ///< Distinct.
    Verdict nothing = Verdict::kNoMatch;    ///< Of an endpoint without facts.
    std::uint32_t rank = 0;                 ///< Above those it refers to.
    std::vector<ConditionId> kept_readers;  ///< Conditions that are judged per endpoint and read it.
    std::vector<ConditionId> readers;       ///< Of kind kTag.
    std::shared_ptr<const CompiledTag> compiled;
  };
  struct Stored {
    bool value = false, time = false;  ///< What changed.
  };

  // Facts (population.cc).
  std::uint32_t find_key(std::string_view key) const;
  KeyId use_key(std::string_view key);
  void release_key(KeyId key);
  Stored store(Slot slot, KeyId key, const Fact& fact);
  Stored store_entry(Slot slot, KeyId key, WallTime at);
  void queue_readers(KeyId key, Stored stored);
  Code use_code(FactColumn& column);
  void forget(Slot slot, KeyId key, bool judge);
  void put_code(Slot slot, FactColumn& column, Code code);
  void change_code(Slot slot, FactColumn& column, Code before, Code after, bool judge);
  void release_code(FactColumn& column, Code code);
  void drop_source(std::string_view entry);
  void encode(const Fact& fact, bool lapsed);
  enum class Reading : std::uint8_t { kAsReported, kAsJudged };
  bool decode(std::string_view entry, Fact& out, Reading reading) const;
  bool read_fact(Slot slot, KeyId key, Fact& out, Reading reading) const;
  bool is_mostly_own(const FactColumn& column) const;
  void make_own(KeyId key);
  void forget_all(Slot slot);

  // Conditions (population_conditions.cc).
  ConditionId use_condition(std::string identity, std::shared_ptr<const Condition> condition,
                            std::optional<Seconds> max_age, Now now);  // a kept one's verdicts come with judge_fresh()
  void release_condition(ConditionId id);
  void place_in_column(ConditionId id, KeyId key);
  void take_from_column(JudgedCondition& condition);
  void judge_code(FactColumn& column, Code code);
  Verdict judge_entry(const JudgedCondition& condition, const FactColumn& column, Code code) const;
  void keep(ConditionId id, Now now);
  void judge_fresh(Now now, bool noting);
  Verdict judge_slot(const JudgedCondition& condition, Slot slot, Now now);
  void locate(ConditionId id);
  void locate(const FactColumn& column);  ///< Its conditions.
  void resolve(ConditionId id);

  // Tags (population_tags.cc).
  TagIndex index_of(TagId id) const;
  /// The one that a rule means; kNone: there is none, or it is disabled.
  TagIndex referred(TagReference reference) const {
    const auto it = by_name_.find(reference.name);
    return it == by_name_.end() || !reference.means(tags_[it->second]->enabled, tags_[it->second]->kind) ? kNone : it->second;
  }
  void mark(std::span<const Reader> readers, Slot slot, Verdict before, Verdict after);
  void begin(Slot slot);
  void need(std::span<const LogicStep> steps, bool refers);
  bool is_system(Slot slot, ConditionId system);
  void queue(ConditionId kept);
  void prefetch_pending(Slot slot);
  void judge_needed(Slot slot);
  std::vector<TagChange> settle(Slot slot, Now now);
  void settle_later(Slot slot, const std::function<void(Tag&, Verdict, Verdict)>& become);
  void recount(Tag& tag, Verdict before, Verdict after);
  void recount(Counts& counts, const Line* before, const Line* after, std::size_t lines, std::size_t first_word) const;
  void rank_tags();
  Status check_edits(std::span<const TagEdit> edits) const;
  TagIndex add_tag(TagId id);
  void compile(TagIndex index, std::shared_ptr<const CompiledTag> compiled, Now now);
  Reader reader(TagIndex index, ConditionId condition) const;
  void place_readers(const JudgedCondition& condition);
  std::uint32_t system_steps(const Tag& tag) const;
  std::vector<TagIndex> in_order() const;
  void name_tag(TagIndex index, const TagDefinition& definition);
  void unname_tag(TagIndex index);
  void forget_conditions(TagIndex index, const std::vector<ConditionId>& conditions);
  void renew_nothing(std::span<const TagIndex> tags);
  void sweep(std::span<const TagIndex> tags, Now now, std::vector<TagEffect>* effects);
  void finish_tags(std::vector<TagIndex> affected, Now now, std::vector<TagEffect>* effects);

  std::size_t pages() const { return (slots_ + kPageSlots - 1) / kPageSlots; }

  const Kernels* kernels_;
  const std::size_t own_from_;
  PageStore pages_;
  BlobStore blobs_;
  Dictionary sources_;
  Rows rows_{blobs_};
  SlotSet live_, lapsed_, unjudged_;
  SlotSet unsettled_;  ///< Their tags may not be what follows from their facts: a change of them was broken off.
  Slot open_ = kNone;  ///< Whose change is under way.
  std::vector<Slot> free_slots_;
  Slot slots_ = 0;  ///< All in use are below.
  std::vector<WallTime> confirmed_;

  struct KeyHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  std::unordered_map<std::string, KeyId, KeyHash, std::equal_to<>> keys_;
  std::vector<std::unique_ptr<FactColumn>> columns_;  ///< By KeyId; null: not in use.
  std::vector<KeyId> free_keys_;

  std::unordered_map<std::string, ConditionId, KeyHash, std::equal_to<>> by_identity_;
  std::vector<std::unique_ptr<JudgedCondition>> conditions_;
  std::vector<Where> where_;  ///< By ConditionId.
  std::vector<ConditionId> free_conditions_;
  std::vector<ConditionId> fresh_;     ///< Kept ones that are not judged yet.
  std::vector<ConditionId> restless_;  ///< May judge otherwise although the endpoint's facts are as they were.
  std::map<std::string, std::vector<ConditionId>, std::less<>>
      by_tag_name_;  ///< Conditions that read a tag of that name.

  std::vector<std::unique_ptr<Tag>> tags_;
  std::vector<TagIndex> free_tags_;
  std::map<TagId, TagIndex> by_id_;
  std::map<std::string, TagIndex, std::less<>> by_name_;
  bool ranked_ = false;  ///< Some tag refers to another.

  Deadlines deadlines_;

  // What one change leads to; here so that their memory is used again.
  std::vector<Pending> pending_;  ///< That refer to no other.
  std::vector<TagIndex> later_;   ///< That do.
  std::size_t prefetched_ = 0, later_prefetched_ = 0;  ///< Of these.
  std::vector<Verdict> before_;  ///< By place in pending_.
  std::vector<ConditionId> queued_;
  /// Changes are numbered, so that marks of earlier ones need no clearing. Never comes round: a mark from 2^32 changes
  /// ago would leave a tag unjudged.
  using Epoch = std::uint64_t;
  std::vector<Epoch> condition_marks_;
  struct TagMark {
    Epoch epoch = 0;
    std::uint32_t place = 0;  ///< In pending_.
    bool refers = false;      ///< To a tag: it may have to be judged again after that one changed.
  };
  std::vector<TagMark> tag_marks_;
  struct Known {
    Epoch epoch = 0;
    Verdict verdict = Verdict::kUnknown;
  };
  std::vector<Known> known_;  ///< By ConditionId: of the endpoint whose change is being followed.
  struct Needed {
    ConditionId id = 0;
    const std::uint8_t* verdicts = nullptr;  ///< Of its code.
  };
  std::vector<Needed> needed_;  ///< The first needed_count_: Conditions that pending tags read, each once.
  std::size_t needed_count_ = 0;
  struct System {
    ConditionId id = kNone;
    Epoch epoch = 0;
    bool matches = false;
  };
  System system_;  ///< The last that was asked for.
  Epoch epoch_ = 0;
  std::uint64_t judged_ = 0;
  std::string entry_;
  std::unique_ptr<SlotFacts> slot_facts_;
};

}  // namespace postern::posture
