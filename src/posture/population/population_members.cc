// What endpoints have of the tags, and who has one.
#include "posture/population/population.h"
#include "posture/population/tag_state.h"

namespace postern::posture {

std::vector<TagId> Population::tag_ids() const {
  std::vector<TagId> out;
  for (const auto& [id, index] : by_id_) out.push_back(id);
  return out;
}

TagState Population::state(Slot slot, TagId tag) const {
  const TagIndex index = index_of(tag);
  return index == kNone ? TagState::kAbsent : tag_state_of(tags_[index]->plane.at(slot));
}

TagSets Population::tags(Slot slot) const {
  std::vector<TagId> has, unknown;
  for (const auto& [id, index] : by_id_) {
    const Verdict verdict = tags_[index]->plane.at(slot);
    if (verdict == Verdict::kMatch) has.push_back(id);
    if (verdict == Verdict::kUnknown) unknown.push_back(id);
  }
  return {std::move(has), std::move(unknown)};
}

Population::Counts Population::count(TagId tag) const {
  const TagIndex index = index_of(tag);
  return index == kNone ? Counts{} : tags_[index]->counts;
}

SlotSet Population::members(TagId tag, TagState state) const {
  SlotSet out;
  const TagIndex index = index_of(tag);
  if (index == kNone) return out;
  for (std::size_t page = 0; page < pages(); ++page) {
    const PlanePage& lines = tags_[index]->plane.page(page);
    for (std::size_t line = 0; line < kPageLines; ++line) {
      for (std::size_t w = 0; w < kLineWords; ++w) {
        const std::size_t at = (page * kPageLines + line) * kLineWords + w;
        const std::uint64_t has = lines[line].has[w];
        out.add_word(at, live_.word(at) & (state == TagState::kHas ? has : lines[line].maybe[w] & ~has));
      }
    }
  }
  return out;
}

}  // namespace postern::posture
