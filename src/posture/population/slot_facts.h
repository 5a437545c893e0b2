#pragma once
// One endpoint of a population as conditions see it.
#include <deque>

#include "posture/population/population.h"

namespace postern::posture {

/// Decodes each fact once. What it returned lives until the next look_at(). Thread: one.
class Population::SlotFacts final : public FactSource, public TagSource {
 public:
  explicit SlotFacts(const Population& population) : population_(population) {}
  void look_at(Slot slot) {
    slot_ = slot;
    used_ = 0;
  }
  const Fact* find(std::string_view key) const override;
  const Fact* find_tag(std::string_view reference) const override;

 private:
  struct Entry {
    KeyId key = 0;
    Fact fact;
  };
  const Population& population_;
  Slot slot_ = 0;
  mutable std::deque<Entry> entries_;  ///< The first used_ are this endpoint's.
  mutable std::size_t used_ = 0;
};

}  // namespace postern::posture
