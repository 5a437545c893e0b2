// Endpoints and their facts.
#include "posture/population/population.h"

#include <algorithm>
#include <deque>

#include "posture/fact_keys.h"
#include "posture/population/fact_codec.h"
#include "posture/population/slot_facts.h"

namespace postern::posture {
namespace {

bool is_tag_key(std::string_view key) { return key.starts_with(keys::kTagPrefix); }

/// An entry begins with its source's number and whether the endpoint's reports have lapsed.
struct EntryHead {
  Code source = 0;
  bool lapsed = false;
};
bool take_head(std::string_view& entry, EntryHead& out) {
  std::uint64_t number = 0;
  if (!take_number(entry, number)) return false;
  out = {static_cast<Code>(number >> 1), (number & 1) != 0};
  return true;
}
void put_head(EntryHead head, std::string& out) { put_number(std::uint64_t{head.source} << 1 | (head.lapsed ? 1 : 0), out); }

}  // namespace

Population::Population(Options options)
    : kernels_(&options.kernels), own_from_(options.own_from), slot_facts_(std::make_unique<SlotFacts>(*this)) {}
Population::~Population() = default;

// ---- endpoints

Slot Population::add(Now now) {
  Slot slot = slots_;
  if (free_slots_.empty()) {
    ++slots_;
  } else {
    slot = free_slots_.back();
    free_slots_.pop_back();
  }
  live_.reserve_words(pages() * kPageSlots / 64);
  unsettled_.reserve_words(pages() * kPageSlots / 64);
  live_.insert(slot);
  // A slot that is not in use is judged like an endpoint without facts.
  for (const auto& tag : tags_) {
    if (tag) recount(*tag, Verdict::kNoMatch, tag->plane.at(slot));
  }
  if (!restless_.empty()) {
    begin(slot);
    for (const ConditionId id : restless_) queue(id);
    settle(slot, now);
  }
  return slot;
}

void Population::remove(Slot slot) {
  forget_all(slot);
  for (const auto& condition : conditions_) {
    if (condition && condition->kind == JudgedCondition::Kind::kKept) condition->plane.set(slot, condition->nothing);
  }
  for (const auto& tag : tags_) {
    if (!tag) continue;
    recount(*tag, tag->plane.at(slot), Verdict::kNoMatch);
    tag->plane.set(slot, tag->nothing);
  }
  if (slot < confirmed_.size()) confirmed_[slot] = WallTime::min();
  deadlines_.clear(slot);
  live_.erase(slot);
  lapsed_.erase(slot);
  unjudged_.erase(slot);
  unsettled_.erase(slot);
  if (open_ == slot) open_ = kNone;
  free_slots_.push_back(slot);
}

void Population::forget_all(Slot slot) {
  const auto list = rows_.keys(slot);
  const std::vector<RowKey> all(list.begin(), list.end());
  for (const RowKey key : all) {
    forget(slot, key_of(key), false);
    release_key(key_of(key));
  }
}

// ---- keys

std::uint32_t Population::find_key(std::string_view key) const {
  const auto it = keys_.find(key);
  return it == keys_.end() ? kNone : it->second;
}

KeyId Population::use_key(std::string_view key) {
  if (const auto it = keys_.find(key); it != keys_.end()) return it->second;
  auto id = static_cast<KeyId>(columns_.size());
  if (free_keys_.empty()) {
    columns_.emplace_back();
  } else {
    id = free_keys_.back();
    free_keys_.pop_back();
  }
  columns_[id] = std::make_unique<FactColumn>(pages_);
  columns_[id]->key = std::string(key);
  columns_[id]->reported = !key.starts_with(keys::kEmsPrefix);
  keys_.emplace(key, id);
  return id;
}

void Population::release_key(KeyId key) {
  const FactColumn& column = *columns_[key];
  if (column.dictionary.users() > 0 || column.own_users > 0 || !column.groups.empty() || !column.kept.empty()) return;
  keys_.erase(keys_.find(column.key));
  columns_[key]->dictionary.clear(blobs_);
  columns_[key].reset();
  free_keys_.push_back(key);
}

// ---- facts as entries: head, then value

void Population::encode(const Fact& fact, bool lapsed) {
  entry_.clear();
  put_head({sources_.use(fact.source, blobs_).code, lapsed && fact.known()}, entry_);
  encode_value(fact.value, entry_);
}

void Population::drop_source(std::string_view entry) {
  EntryHead head;
  if (take_head(entry, head)) sources_.drop(head.source, blobs_);
}

bool Population::decode(std::string_view entry, Fact& out, Reading reading) const {
  EntryHead head;
  if (!take_head(entry, head)) return false;
  if (head.lapsed && reading == Reading::kAsJudged) {
    out = {Unknown{UnknownReason::kStale}, {}, {}};
    return true;
  }
  if (!decode_value(entry, out.value)) return false;
  out.source = sources_.entry(head.source, blobs_);
  return true;
}

bool Population::read_fact(Slot slot, KeyId key, Fact& out, Reading reading) const {
  Rows::Cell cell;
  if (!rows_.find(slot, key, cell)) return false;
  out.collected_at = cell.at;
  const FactColumn& column = *columns_[key];
  return decode(column.own ? cell.own : column.dictionary.entry(column.codes.at(slot), blobs_), out, reading);
}

// ---- changing facts

void Population::release_code(FactColumn& column, Code code) {
  if (code == 0) return;
  if (column.dictionary.users(code) == 1) drop_source(column.dictionary.entry(code, blobs_));
  column.dictionary.drop(code, blobs_);
}

void Population::put_code(Slot slot, FactColumn& column, Code code) {
  const std::size_t pages = column.codes.pages();
  column.codes.set(slot, code);
  if (column.codes.pages() != pages) locate(column);
}

void Population::change_code(Slot slot, FactColumn& column, Code before, Code after, bool judge) {
  put_code(slot, column, after);
  if (!judge) return;
  for (const auto& group : column.groups) {
    const auto changed = static_cast<std::uint8_t>(group->table[before] ^ group->table[after]);
    if (changed == 0) continue;
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      if ((changed >> lane_shift(lane) & 3) != 0)
        mark(group->readers[lane], slot, lane_verdict(group->table[before], lane),
             lane_verdict(group->table[after], lane));
    }
  }
}

/// The code of `entry_`.
Code Population::use_code(FactColumn& column) {
  const Dictionary::Use use = column.dictionary.use(entry_, blobs_);
  if (use.fresh) {
    judge_code(column, use.code);
  } else {
    drop_source(entry_);
  }
  return use.code;
}

Population::Stored Population::store(Slot slot, KeyId key, const Fact& fact) {
  const FactColumn& column = *columns_[key];
  rows_.prefetch_place(slot);
  column.codes.prefetch(slot);
  if (system_.id < where_.size() && slot / kPageSlots < where_[system_.id].pages)
    where_[system_.id].codes[slot / kPageSlots].prefetch(slot % kPageSlots);
  for (const auto& group : column.groups) group->prefetch();
  encode(fact, column.reported && lapsed_.contains(slot));
  for (const auto& group : column.groups) group->prefetch_readers();
  return store_entry(slot, key, fact.collected_at);
}

/// `entry_`, whose source counts one more user.
Population::Stored Population::store_entry(Slot slot, KeyId key, WallTime at) {
  FactColumn& column = *columns_[key];
  rows_.prefetch(slot);
  Rows::Cell cell;
  if (column.own) {
    const bool had = rows_.find(slot, key, cell);
    const Stored stored{cell.own != entry_, !had || cell.at != at};
    if (had) drop_source(cell.own);
    if (!had) ++column.own_users;
    if (stored.value || stored.time) rows_.set(slot, key, {at, entry_});
    return stored;
  }
  const Code before = column.codes.at(slot), after = use_code(column);
  rows_.prefetch_keys(slot);
  Stored stored{before != after, false};
  if (stored.value) {
    change_code(slot, column, before, after, true);
    prefetch_pending(slot);  // what comes in while the row is written
  }
  release_code(column, before);
  stored.time = rows_.set_time(slot, key, at);
  if (stored.value && is_mostly_own(column)) make_own(key);
  return stored;
}

void Population::forget(Slot slot, KeyId key, bool judge) {
  FactColumn& column = *columns_[key];
  Rows::Cell cell;
  if (!rows_.find(slot, key, cell)) return;
  if (column.own) {
    drop_source(cell.own);
    --column.own_users;
  } else {
    const Code before = column.codes.at(slot);
    change_code(slot, column, before, 0, judge);
    release_code(column, before);
  }
  rows_.erase(slot, key);
}

bool Population::is_mostly_own(const FactColumn& column) const {
  const std::size_t distinct = column.dictionary.distinct();
  return distinct >= own_from_ && distinct * 2 > column.dictionary.users();
}

void Population::make_own(KeyId key) {
  FactColumn& column = *columns_[key];
  std::vector<ConditionId> by_code;
  for (const auto& group : column.groups)
    std::ranges::copy_if(group->lanes, std::back_inserter(by_code), [](auto id) { return id != kNone; });
  // The conditions' verdicts stay as they are; they only stand elsewhere.
  for (const ConditionId id : by_code) {
    JudgedCondition& condition = *conditions_[id];
    Plane plane(pages_, condition.nothing);
    live_.for_each([&](Slot slot) { plane.set(slot, where_[id].verdict(slot)); });
    take_from_column(condition);
    condition.kind = JudgedCondition::Kind::kKept;
    condition.plane = std::move(plane);
    column.kept.push_back(id);
    locate(id);
  }
  std::string entry;
  live_.for_each([&](Slot slot) {
    const Code code = column.codes.at(slot);
    Rows::Cell cell;
    if (code == 0 || !rows_.find(slot, key, cell)) return;
    entry = column.dictionary.entry(code, blobs_);
    std::string_view rest = entry;
    EntryHead head;
    take_head(rest, head);
    sources_.add_user(head.source);
    rows_.set(slot, key, {cell.at, entry});
    ++column.own_users;
  });
  for (Code code = 1; code < column.dictionary.end(); ++code) {
    if (column.dictionary.in_use(code)) drop_source(column.dictionary.entry(code, blobs_));
  }
  column.dictionary.clear(blobs_);
  column.codes.clear();
  column.own = true;
}

std::vector<TagChange> Population::apply(Slot slot, std::span<const Change> changes, Now now) {
  begin(slot);
  for (const Change& change : changes) {
    if (is_tag_key(change.key)) continue;
    if (change.fact == nullptr) {
      const KeyId key = find_key(change.key);
      if (key == kNone) continue;
      forget(slot, key, true);
      for (const ConditionId id : columns_[key]->kept) queue(id);
      release_key(key);
      continue;
    }
    const KeyId key = use_key(change.key);
    queue_readers(key, store(slot, key, *change.fact));
  }
  return settle(slot, now);
}

void Population::queue_readers(KeyId key, Stored stored) {
  for (const ConditionId id : columns_[key]->kept) {
    if (stored.value || (stored.time && conditions_[id]->timed)) queue(id);
  }
}

std::vector<TagChange> Population::set(Slot slot, std::string_view key, const Fact& fact, Now now) {
  const Change change{key, &fact};
  return apply(slot, {&change, 1}, now);
}

std::vector<TagChange> Population::erase(Slot slot, std::string_view key, Now now) {
  const Change change{key, nullptr};
  return apply(slot, {&change, 1}, now);
}

std::vector<TagChange> Population::confirm(Slot slot, WallTime at, Now now) {
  if (slot >= confirmed_.size()) confirmed_.resize(slot + 1u, WallTime::min());
  const WallTime before = std::exchange(confirmed_[slot], at);
  if (restless_.empty() || before == at) return {};
  begin(slot);
  for (const ConditionId id : restless_) {
    const JudgedCondition& condition = *conditions_[id];
    if (!condition.timed) continue;
    // Where no more than the shortest age went by in silence, no fact had become too old by it.
    const bool silent = !condition.max_age || at < before || now.wall - *condition.max_age > before;
    if (silent || condition.condition->timed()) queue(id);
  }
  return settle(slot, now);
}

std::vector<TagChange> Population::lapse(Slot slot, bool lapsed, Now now) {
  if (lapsed_.contains(slot) == lapsed) return {};
  lapsed ? lapsed_.insert(slot) : lapsed_.erase(slot);
  begin(slot);
  const auto list = rows_.keys(slot);
  const std::vector<RowKey> all(list.begin(), list.end());
  for (const RowKey row : all) {
    const KeyId key = key_of(row);
    const FactColumn& column = *columns_[key];
    Rows::Cell cell;
    if (!column.reported || !rows_.find(slot, key, cell)) continue;
    std::string_view rest = column.own ? cell.own : column.dictionary.entry(column.codes.at(slot), blobs_);
    EntryHead head;
    Fact fact;
    if (!take_head(rest, head) || !decode_value(rest, fact.value) || !fact.known()) continue;
    entry_.clear();
    put_head({head.source, lapsed}, entry_);
    entry_ += rest;
    sources_.add_user(head.source);
    queue_readers(key, store_entry(slot, key, cell.at));
  }
  return settle(slot, now);
}

std::vector<TagChange> Population::hold_to(Slot slot, WallTime latest, Now now) {
  std::vector<Rows::Cell> cells;
  rows_.read(slot, cells);
  const auto list = rows_.keys(slot);
  std::vector<std::pair<KeyId, std::string>> later;
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (cells[i].at > latest && columns_[key_of(list[i])]->reported) later.emplace_back(key_of(list[i]), cells[i].own);
  }
  if (later.empty()) return {};
  begin(slot);
  for (const auto& [key, own] : later) {
    rows_.set(slot, key, {latest, own});
    queue_readers(key, {.value = false, .time = true});
  }
  return settle(slot, now);
}

void Population::load(Slot slot, const FactMap& facts, WallTime confirmed) {
  forget_all(slot);
  lapsed_.erase(slot);
  std::vector<std::pair<KeyId, const Fact*>> all;
  for (const auto& [key, fact] : facts) {
    if (!is_tag_key(key)) all.emplace_back(use_key(key), &fact);
  }
  std::ranges::sort(all);
  std::vector<RowKey> keys;
  std::vector<Rows::Cell> cells;
  std::deque<std::string> own;
  for (const auto& [key, fact] : all) {
    FactColumn& column = *columns_[key];
    keys.push_back(row_key(key, column.own));
    cells.push_back({fact->collected_at, {}});
    encode(*fact, false);
    if (column.own) {
      cells.back().own = own.emplace_back(entry_);
      ++column.own_users;
    } else {
      put_code(slot, column, use_code(column));
    }
  }
  rows_.assign(slot, keys, cells);
  for (const RowKey key : keys) {
    if (is_mostly_own(*columns_[key_of(key)])) make_own(key_of(key));
  }
  if (slot >= confirmed_.size()) confirmed_.resize(slot + 1u, WallTime::min());
  confirmed_[slot] = confirmed;
  unjudged_.insert(slot);
}

// ---- what it costs

Population::Memory Population::memory() const {
  Memory out;
  out.values = blobs_.memory_bytes() + sources_.memory_bytes();
  out.rows = rows_.memory_bytes() + confirmed_.capacity() * sizeof(WallTime);
  out.columns = pages_.memory_bytes();
  for (const auto& column : columns_) {
    if (!column) continue;
    out.values += column->dictionary.memory_bytes();
    out.columns += column->codes.memory_bytes();
    out.other += sizeof(FactColumn) + 2 * column->key.size() + 64;
    for (const auto& group : column->groups) out.other += sizeof(Group) + group->table.capacity();
  }
  for (const auto& tag : tags_) {
    if (tag) out.columns += sizeof(Tag) + tag->plane.directory_bytes() + tag->long_steps.capacity() * sizeof(LogicStep);
  }
  for (const auto& condition : conditions_) {
    if (condition)
      out.other += sizeof(JudgedCondition) + condition->plane.directory_bytes() + condition->identity.capacity();
  }
  out.other += live_.memory_bytes() + lapsed_.memory_bytes() + unjudged_.memory_bytes() + unsettled_.memory_bytes() +
               free_slots_.capacity() * sizeof(Slot) + deadlines_.memory_bytes();
  return out;
}

}  // namespace postern::posture
