#pragma once
// How an error message shows what it was given.
#include <string>
#include <string_view>

namespace postern::posture {

/// UTF-8 without control characters; line breaks and tabs too when `multiline`.
bool clean_text(std::string_view text, bool multiline = false);

/// In quotes and cut to 80 bytes, never inside a character; a description instead of anything but
/// clean text.
std::string quoted(std::string_view text);

}  // namespace postern::posture
