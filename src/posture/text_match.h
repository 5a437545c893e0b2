#pragma once
// How rules compare text that people and directories write in either case. Only ASCII letters have two cases here: what
// other letters fold to depends on the language.
#include <string_view>

namespace postern::posture {

bool equals_ignoring_case(std::string_view a, std::string_view b);

}  // namespace postern::posture
