#pragma once
// When a feed's source is looked at next.
#include <cstdint>

#include "base/clock.h"
#include "base/random.h"

namespace postern::ems {

/// After a success (`failures` 0): its interval, give or take a tenth, so that a fleet of EMSs does not come at once.
/// After failures in a row: a minute, doubled each time up to an hour and never more than the interval, give or take a
/// tenth.
Seconds feed_delay(Seconds interval, unsigned failures, Random& random);

}  // namespace postern::ems
