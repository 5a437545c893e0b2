// os.support_end: os-release's SUPPORT_END.
#include "agent/collectors/asked/support.h"

#include <chrono>

#include "agent/collectors/asked.h"
#include "agent/collectors/os/key_values.h"
#include "base/text.h"
#include "posture/fact_keys.h"

namespace postern::agent {
namespace support_family {
namespace {

namespace keys = posture::keys;
using posture::UnknownReason;

constexpr const char* kPlaces[] = {"/etc/os-release", "/usr/lib/os-release"};

void answer(const Question&, Facts& facts) {
  for (const auto* place : kPlaces) {
    const auto text = facts.read(place, 64u << 10);
    if (!text && text.error().code == ErrorCode::kNotFound) continue;
    if (!text) return facts.unknown(keys::kSupportEnd, reason_of(text.error()), place);
    const auto value = value_of(parse_key_values(*text), "SUPPORT_END");
    if (value.empty())
      return facts.unknown(keys::kSupportEnd, UnknownReason::kUnsupported, std::string(place) + " has no SUPPORT_END");
    const auto day = parse_day(value);
    if (!day) return facts.unknown(keys::kSupportEnd, UnknownReason::kFailed, std::string(place) + ": SUPPORT_END is no day");
    return facts.know(keys::kSupportEnd, *day, place);
  }
  facts.unknown(keys::kSupportEnd, UnknownReason::kUnsupported, kPlaces[0]);
}

Triggers triggers(const Question&, const Facts&) { return {.files = {kPlaces[0], kPlaces[1]}}; }

}  // namespace
}  // namespace support_family

std::optional<std::int64_t> parse_day(std::string_view text) {
  const auto parts = split(text, '-');
  if (parts.size() != 3 || parts[0].size() != 4 || parts[1].size() != 2 || parts[2].size() != 2) return std::nullopt;
  const auto year = parse_u64(parts[0]), month = parse_u64(parts[1]), day = parse_u64(parts[2]);
  if (!year || !month || !day) return std::nullopt;
  const std::chrono::year_month_day date(std::chrono::year(static_cast<int>(*year)),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day)));
  if (!date.ok()) return std::nullopt;
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::sys_days(date).time_since_epoch()).count();
}

namespace asked {
const AskedFamily& support() {
  static const AskedFamily kFamily{.name = "support",
                                   .keys = {posture::keys::kSupportEnd},
                                   .answer = support_family::answer,
                                   .triggers = support_family::triggers};
  return kFamily;
}
}  // namespace asked

}  // namespace postern::agent
