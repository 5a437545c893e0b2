// Conditions: each distinct one once, judged once per distinct value of its fact where it reads one fact, else per
// endpoint.
#include <algorithm>

#include "base/sort_unique.h"
#include "posture/population/endpoint_judge.h"
#include "posture/population/population.h"
#include "posture/population/slot_facts.h"

namespace postern::posture {
namespace {

/// An endpoint that reported at most one fact.
class OneFact final : public FactSource {
 public:
  OneFact(std::string_view key, const Fact* fact) : key_(key), fact_(fact) {}
  const Fact* find(std::string_view key) const override { return key == key_ ? fact_ : nullptr; }

 private:
  std::string_view key_;
  const Fact* fact_;
};

class OneTag final : public TagSource {
 public:
  explicit OneTag(const Fact* state) : state_(state) {}
  const Fact* find_tag(std::string_view) const override { return state_; }

 private:
  const Fact* state_;
};

Verdict judge_tag(const Condition& condition, const Fact* state) {
  return condition.judge(FactView(OneFact({}, nullptr), Now{}).with_tags(OneTag(state))).verdict;
}

/// The condition is just what the tag is.
bool says_the_tag(const Condition& condition) {
  const Fact yes{true, {}, {}}, no{false, {}, {}}, unknown{Unknown{UnknownReason::kFailed}, {}, {}};
  return judge_tag(condition, &yes) == Verdict::kMatch && judge_tag(condition, &no) == Verdict::kNoMatch &&
         judge_tag(condition, &unknown) == Verdict::kUnknown;
}

std::size_t table_size(std::size_t codes) { return (codes + 15) / 16 * 16; }

void put_lane(std::uint8_t& byte, Verdict verdict, std::size_t lane) {
  byte = static_cast<std::uint8_t>((byte & ~(3u << lane_shift(lane))) | lane_bits(verdict, lane));
}

}  // namespace

Population::ConditionId Population::use_condition(std::string identity, std::shared_ptr<const Condition> condition,
                                                  std::optional<Seconds> max_age, Now now) {
  if (const auto it = by_identity_.find(identity); it != by_identity_.end()) {
    ++conditions_[it->second]->users;
    return it->second;
  }
  auto id = static_cast<ConditionId>(conditions_.size());
  if (free_conditions_.empty()) {
    conditions_.emplace_back();
    condition_marks_.push_back(0);
    where_.emplace_back();
    known_.emplace_back();
  } else {
    id = free_conditions_.back();
    free_conditions_.pop_back();
  }
  conditions_[id] = std::make_unique<JudgedCondition>(pages_);
  JudgedCondition& one = *conditions_[id];
  one.condition = std::move(condition);
  one.max_age = max_age;
  for (const std::string& key : one.condition->keys()) {
    if (const auto tag = referred_tag(key)) {
      one.tag_names.emplace_back(tag->name);
    } else {
      one.keys.push_back(use_key(key));
    }
  }
  // A tag's state has no age.
  one.timed = one.condition->timed() || (max_age && !one.keys.empty());
  by_identity_.emplace(identity, id);
  one.identity = std::move(identity);
  if (!one.timed && one.keys.empty() && one.tag_names.size() == 1 && says_the_tag(*one.condition)) {
    one.kind = JudgedCondition::Kind::kTag;
    one.nothing = judge_tag(*one.condition, nullptr);
  } else if (!one.timed && one.keys.size() == 1 && one.tag_names.empty() && !columns_[one.keys[0]]->own) {
    place_in_column(id, one.keys[0]);
  } else {
    keep(id, now);
    if (one.timed || !one.tag_names.empty()) restless_.push_back(id);
  }
  for (const std::string& name : one.tag_names) by_tag_name_[name].push_back(id);
  resolve(id);
  for (const std::string& name : one.tag_names) {
    if (const auto tag = by_name_.find(name); tag != by_name_.end()) {
      auto& list =
          one.kind == JudgedCondition::Kind::kTag ? tags_[tag->second]->readers : tags_[tag->second]->kept_readers;
      list.push_back(id);
    }
  }
  return id;
}

void Population::resolve(ConditionId id) {
  JudgedCondition& condition = *conditions_[id];
  if (condition.kind == JudgedCondition::Kind::kTag) {
    condition.tag = referred(*referred_tag(condition.condition->keys().front()));
  }
  locate(id);
}

void Population::locate(ConditionId id) {
  const JudgedCondition& one = *conditions_[id];
  Where& where = where_[id];
  where = {.nothing = one.nothing, .steady = one.tag_names.empty()};
  switch (one.kind) {
    case JudgedCondition::Kind::kKept:
      where.plane = &one.plane;
      break;
    case JudgedCondition::Kind::kTag:
      where.plane = one.tag == kNone ? nullptr : &tags_[one.tag]->plane;
      break;
    case JudgedCondition::Kind::kCode: {
      const FactColumn& column = *columns_[one.column];
      where.codes = column.codes.directory();
      where.pages = static_cast<std::uint32_t>(column.codes.pages());
      where.table = column.groups[one.group]->table.data();
      where.lane = one.lane;
      break;
    }
  }
}

void Population::locate(const FactColumn& column) {
  for (const auto& group : column.groups) {
    for (const ConditionId id : group->lanes) {
      if (id != kNone) locate(id);
    }
  }
}

void Population::release_condition(ConditionId id) {
  JudgedCondition& one = *conditions_[id];
  if (--one.users > 0) return;
  if (one.kind == JudgedCondition::Kind::kCode) take_from_column(one);
  if (one.kind == JudgedCondition::Kind::kKept) {
    for (const KeyId key : one.keys) std::erase(columns_[key]->kept, id);
  }
  for (const std::string& name : one.tag_names) {
    const auto it = by_tag_name_.find(name);
    std::erase(it->second, id);
    if (it->second.empty()) by_tag_name_.erase(it);
    if (const auto tag = by_name_.find(name); tag != by_name_.end()) {
      std::erase(tags_[tag->second]->readers, id);
      std::erase(tags_[tag->second]->kept_readers, id);
    }
  }
  std::erase(restless_, id);
  by_identity_.erase(one.identity);
  const std::vector<KeyId> keys = std::move(one.keys);
  conditions_[id].reset();
  where_[id] = {};
  free_conditions_.push_back(id);
  for (const KeyId key : keys) release_key(key);
}

// ---- by code

Verdict Population::judge_entry(const JudgedCondition& condition, const FactColumn& column, Code code) const {
  Fact fact;
  if (code != 0 && !decode(column.dictionary.entry(code, blobs_), fact, Reading::kAsJudged)) return Verdict::kUnknown;
  const OneFact source(column.key, code == 0 ? nullptr : &fact);
  return condition.condition->judge(FactView(source, Now{})).verdict;
}

void Population::place_in_column(ConditionId id, KeyId key) {
  FactColumn& column = *columns_[key];
  JudgedCondition& condition = *conditions_[id];
  condition.kind = JudgedCondition::Kind::kCode;
  condition.column = key;
  std::size_t group = 0, lane = kLanes;
  for (; group < column.groups.size(); ++group) {
    const auto& lanes = column.groups[group]->lanes;
    lane = static_cast<std::size_t>(std::ranges::find(lanes, kNone) - lanes.begin());
    if (lane < kLanes) break;
  }
  if (group == column.groups.size()) {
    column.groups.push_back(std::make_unique<Group>());
    column.groups.back()->table.resize(table_size(column.dictionary.end()));
    lane = 0;
  }
  Group& into = *column.groups[group];
  into.lanes[lane] = id;
  condition.group = static_cast<std::uint32_t>(group);
  condition.lane = static_cast<std::uint8_t>(lane);
  condition.nothing = judge_entry(condition, column, 0);
  put_lane(into.table[0], condition.nothing, lane);
  for (Code code = 1; code < column.dictionary.end(); ++code) {
    if (column.dictionary.in_use(code)) put_lane(into.table[code], judge_entry(condition, column, code), lane);
  }
}

void Population::take_from_column(JudgedCondition& condition) {
  auto& groups = columns_[condition.column]->groups;
  groups[condition.group]->lanes[condition.lane] = kNone;
  groups[condition.group]->readers[condition.lane] = {};
  for (auto& byte : groups[condition.group]->table) put_lane(byte, Verdict::kNoMatch, condition.lane);
  while (!groups.empty() && std::ranges::all_of(groups.back()->lanes, [](auto id) { return id == kNone; }))
    groups.pop_back();
}

void Population::judge_code(FactColumn& column, Code code) {
  bool moved = false;
  for (const auto& group : column.groups) {
    if (code >= group->table.size()) {
      group->table.resize(table_size(code + 1u));
      moved = true;
    }
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      if (group->lanes[lane] != kNone)
        put_lane(group->table[code], judge_entry(*conditions_[group->lanes[lane]], column, code), lane);
    }
  }
  if (moved) locate(column);
}

// ---- per endpoint

void Population::keep(ConditionId id, Now now) {
  JudgedCondition& condition = *conditions_[id];
  condition.kind = JudgedCondition::Kind::kKept;
  for (const KeyId key : condition.keys) columns_[key]->kept.push_back(id);
  slot_facts_->look_at(kNone);  // nobody's: without facts, and each tag is what it is for such
  const OneFact none({}, nullptr);
  condition.nothing =
      condition.condition->judge(FactView(none, now).with_max_age(condition.max_age).with_tags(*slot_facts_)).verdict;
  condition.plane = Plane(pages_, condition.nothing);
  fresh_.push_back(id);
}

void Population::judge_fresh(Now now, bool noting) {
  // Some may be gone again, and their numbers be others'.
  std::erase_if(fresh_, [this](ConditionId id) { return !conditions_[id] || conditions_[id]->kind != JudgedCondition::Kind::kKept; });
  sort_unique(fresh_);
  EndpointJudge(*this, now, noting).judge(fresh_, live_);
  fresh_.clear();
}

Verdict Population::judge_slot(const JudgedCondition& condition, Slot slot, Now now) {
  slot_facts_->look_at(slot);
  const FactView view =
      FactView(*slot_facts_, now, confirmed(slot)).with_max_age(condition.max_age).with_tags(*slot_facts_);
  const Verdict verdict = condition.condition->judge(view).verdict;
  deadlines_.note(slot, view.until());
  return verdict;
}

std::size_t Population::conditions() const { return by_identity_.size(); }

}  // namespace postern::posture
