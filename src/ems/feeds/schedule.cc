#include "ems/feeds/schedule.h"

#include <algorithm>

namespace postern::ems {

Seconds feed_delay(Seconds interval, unsigned failures, Random& random) {
  auto seconds = interval.count();
  if (failures > 0) {
    const auto doubled = Seconds::rep{60} << std::min(failures - 1, 6u);
    seconds = std::min({seconds, doubled, Seconds::rep{3600}});
  }
  const auto tenth = std::max<Seconds::rep>(seconds / 10, 1);
  const auto shift = static_cast<Seconds::rep>(random.next_u64() % static_cast<std::uint64_t>(2 * tenth + 1)) - tenth;
  return Seconds(std::max<Seconds::rep>(seconds + shift, 1));
}

}  // namespace postern::ems
