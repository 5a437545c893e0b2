#pragma once
// A regular expression as it is written, read into what it consists of.
#include <bitset>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace postern::policy {

struct RegexPart {
  enum class Kind { kSet, kAll, kAny, kRepeat, kBegin, kEnd };
  static constexpr int kNoEnd = -1;

  Kind kind = Kind::kAll;
  std::bitset<256> set;          ///< kSet: the bytes that it takes.
  std::vector<RegexPart> parts;  ///< kAll: in turn; kAny: one of them; kRepeat: the one.
  int min = 0, max = 0;          ///< kRepeat. kNoEnd: as often as there is more.
};

/// Errors: kInvalidArgument. Brackets may stand in one another 40 deep.
Result<RegexPart> parse_regex(std::string_view pattern);

}  // namespace postern::policy
