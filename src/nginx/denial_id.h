#pragma once
// The id of a denial: short enough to read out, and what an administrator searches the log for.
#include <string>

namespace postern::nginx {

/// "K7QM-2D9F": 40 random bits, without the characters that sound or look alike.
std::string new_denial_id();

}  // namespace postern::nginx
