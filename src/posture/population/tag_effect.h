#pragma once
// What a changed tag, or a draft of one, does to the endpoints.
#include <cstdint>

#include "posture/population/slot_set.h"
#include "posture/tag_sets.h"

namespace postern::posture {

struct TagEffect {
  TagId tag = 0;
  SlotSet gain;                        ///< Have it and had it not.
  SlotSet lose;                        ///< Had it and have it no more; without those that become unknown.
  SlotSet become_unknown;              ///< Are unknown and were not.
  SlotSet become_absent;               ///< Were unknown and have it not.
  SlotSet had, was_unknown;            ///< Before, of all these; the others had it not.
  std::uint64_t has = 0, unknown = 0;  ///< Afterwards.

  /// Endpoints of which something changes.
  std::uint64_t size() const { return gain.size() + lose.size() + become_unknown.size() + become_absent.size(); }
  bool concerns(Slot slot) const {
    return gain.contains(slot) || lose.contains(slot) || become_unknown.contains(slot) || become_absent.contains(slot);
  }
  /// `now` is its state if nothing happens.
  TagState state_after(Slot slot, TagState now) const {
    if (gain.contains(slot)) return TagState::kHas;
    if (become_unknown.contains(slot)) return TagState::kUnknown;
    return concerns(slot) ? TagState::kAbsent : now;
  }
  /// What happens to this endpoint is that instead; `has` and `unknown` stay as they are.
  void replace(Slot slot, TagState before, TagState after) {
    for (auto* set : {&gain, &lose, &become_unknown, &become_absent, &had, &was_unknown}) set->erase(slot);
    if (before == after) return;
    if (before == TagState::kHas) had.insert(slot);
    if (before == TagState::kUnknown) was_unknown.insert(slot);
    (after == TagState::kHas       ? gain
     : after == TagState::kUnknown ? become_unknown
     : before == TagState::kHas    ? lose
                                   : become_absent)
        .insert(slot);
  }
};

}  // namespace postern::posture
