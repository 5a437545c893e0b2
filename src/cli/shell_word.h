#pragma once
// Words of commands that a person copies into a shell.
#include <string>
#include <string_view>

namespace postern::cli {

/// The text as one word of a shell, whatever stands in it: quoted unless it has nothing but A-Z, a-z, 0-9, ".", "_" and "-".
/// What an agent calls its machine is its own say.
std::string shell_word(std::string_view text);

}  // namespace postern::cli
