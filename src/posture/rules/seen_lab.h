#pragma once
// What the tests of the rule types were seen to cross. A run of all tests fails where a type, or one of its parameters,
// was never seen to match, not to match and to be unknown: each choice of a parameter that has some, true and false,
// and any other parameter while it is given. So a new type, or a new choice of an old one, can't go untested. There are
// no exceptions but that a type which reads no facts is never unknown.
#include <compare>
#include <string_view>
#include <vector>

#include "posture/rule.h"

namespace postern::posture::testing {

/// What is counted. Its texts are the type's own. Ordered, so that what is missing is told in one order.
struct Use {
  std::string_view type;
  std::string_view parameter;  ///< Empty: the type as a whole.
  std::string_view choice;     ///< Empty: the parameter is given, whatever it is.
  auto operator<=>(const Use&) const = default;
};

/// What a rule with these parameters is a use of. Of a list of choices only one that stands alone counts, since nobody
/// can tell which of several decided; and "match" only over several entries, since over one both mean the same.
std::vector<Use> uses(const RuleType& type, const Parameters& parameters);

/// A condition with these uses said so.
void seen(const std::vector<Use>& uses, Verdict verdict);

}  // namespace postern::posture::testing
