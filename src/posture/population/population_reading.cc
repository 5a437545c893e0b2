// Reading facts back.
#include <array>

#include "posture/population/population.h"
#include "posture/population/slot_facts.h"

namespace postern::posture {

std::optional<Fact> Population::get(Slot slot, std::string_view key) const {
  const KeyId id = find_key(key);
  Fact fact;
  if (id == kNone || !read_fact(slot, id, fact, Reading::kAsReported)) return std::nullopt;
  return fact;
}

FactMap Population::facts(Slot slot) const {
  FactMap out;
  std::vector<Rows::Cell> cells;
  rows_.read(slot, cells);
  const auto list = rows_.keys(slot);
  for (std::size_t i = 0; i < list.size(); ++i) {
    const FactColumn& column = *columns_[key_of(list[i])];
    Fact& fact = out[column.key];
    fact.collected_at = cells[i].at;
    decode(column.own ? cells[i].own : column.dictionary.entry(column.codes.at(slot), blobs_), fact,
           Reading::kAsReported);
  }
  return out;
}

std::vector<std::string_view> Population::keys(Slot slot) const {
  std::vector<std::string_view> out;
  for (const RowKey key : rows_.keys(slot)) out.emplace_back(columns_[key_of(key)]->key);
  return out;
}

WallTime Population::confirmed(Slot slot) const {
  return slot < confirmed_.size() ? confirmed_[slot] : WallTime::min();
}

const Fact* Population::SlotFacts::find(std::string_view key) const {
  const KeyId id = population_.find_key(key);
  if (id == kNone) return nullptr;
  for (std::size_t i = 0; i < used_; ++i) {
    if (entries_[i].key == id) return &entries_[i].fact;
  }
  if (used_ == entries_.size()) entries_.emplace_back();
  Entry& entry = entries_[used_];
  if (!population_.read_fact(slot_, id, entry.fact, Reading::kAsJudged)) return nullptr;
  entry.key = id;
  ++used_;
  return &entry.fact;
}

const Fact* Population::SlotFacts::find_tag(std::string_view reference) const {
  static const std::array<Fact, 3> kStates{Fact{false, {}, {}}, Fact{Unknown{UnknownReason::kFailed}, {}, {}},
                                           Fact{true, {}, {}}};
  const TagIndex tag = population_.referred(tag_reference(reference));
  return tag == kNone ? nullptr : &kStates[static_cast<std::size_t>(population_.tags_[tag]->plane.at(slot_))];
}

}  // namespace postern::posture
