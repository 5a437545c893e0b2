#pragma once
// A tag's verdict on an endpoint as the state that the endpoint has it in.
#include <array>
#include <cstddef>

#include "posture/tag_sets.h"
#include "posture/verdict.h"

namespace postern::posture {

inline TagState tag_state_of(Verdict verdict) {
  constexpr std::array kStates{TagState::kAbsent, TagState::kUnknown, TagState::kHas};
  return kStates[static_cast<std::size_t>(verdict)];
}

}  // namespace postern::posture
