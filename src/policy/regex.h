#pragma once
// Regular expressions of paths, made into tables of states when policies are compiled: to compare a path takes one step
// for each of its bytes, whatever the expression, and no memory. No library has to be in nginx for it.
#include <cstddef>
#include <string_view>

#include "base/hex.h"
#include "base/result.h"

namespace postern::policy {

/// Steps of its making that the expressions of one table may take together; an ordinary one takes some thousands.
inline constexpr std::size_t kRegexWork = 4'000'000;

/// What an administrator writes, as PCRE reads it: literals, . [ ] ( ) (?: ) | * + ? {n,m} ^ $ \d \w \s, \ in front of any
/// other sign, \xHH, and (?i) at the beginning; of bytes. It is looked for anywhere in the text. What needs more than
/// steps from byte to byte (\1, \b, (?=…)) is refused. `work` is what is left of kRegexWork.
/// Errors: kInvalidArgument says what is wrong, or that it would make more than 1,000 states.
Result<Bytes> compile_regex(std::string_view pattern, std::size_t& work);

/// Could these bytes, of whatever origin, be given to `regex_match`? They have to be aligned to 2.
bool sound_regex(ByteView program);

/// `program` is a sound one. Thread: any.
bool regex_match(ByteView program, std::string_view text);

}  // namespace postern::policy
