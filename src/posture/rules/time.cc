// time {"weekdays","from","to","zone"}: it is within these hours of the week.
#include <fmt/format.h>

#include <algorithm>

#include "posture/quote.h"
#include "posture/rules/reading.h"

namespace postern::posture::rules {
namespace time_rule {
namespace {

constexpr Reason kInside{"within_hours", "it is within the hours"};
constexpr Reason kOutside{"outside_hours", "it is outside the hours"};

constexpr std::array<std::string_view, 7> kWeekdays{"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
constexpr int kDayMinutes = 24 * 60;
constexpr int kWeekMinutes = 7 * kDayMinutes;
constexpr Millis kWeek = std::chrono::minutes(kWeekMinutes);
/// The Unix epoch was a Thursday: three days after a week's beginning, which is Monday 0:00.
constexpr Millis kEpochInWeek = std::chrono::hours(3 * 24);

/// In minutes of the week, which begins on Monday 0:00. The end is not included.
struct Span {
  int begin = 0;
  int end = 0;
};

class Hours final : public Condition {
 public:
  Hours(std::vector<Span> spans, std::chrono::minutes zone, std::string text)
      : spans_(std::move(spans)), zone_(zone), text_(std::move(text)) {}

  Judgement judge(const FactView& facts) const override {
    const WallTime now = facts.now().wall;
    Millis at = (now.time_since_epoch() + zone_ + kEpochInWeek) % kWeek;
    if (at < Millis(0)) at += kWeek;
    // The next boundary: an end of the span that holds, or the first beginning after now, perhaps of next week.
    for (const Span& span : spans_) {
      const Millis begin = std::chrono::minutes(span.begin), end = std::chrono::minutes(span.end);
      if (at >= end) continue;
      if (at < begin) {
        facts.holds_until(now + (begin - at));
        return {Verdict::kNoMatch, &kOutside};
      }
      // What reaches the week's end goes on where it begins.
      const bool goes_on = span.end == kWeekMinutes && spans_.front().begin == 0;
      facts.holds_until(now + (end - at) + (goes_on ? Millis(std::chrono::minutes(spans_.front().end)) : Millis(0)));
      return {Verdict::kMatch, &kInside};
    }
    facts.holds_until(now + (kWeek - at) + std::chrono::minutes(spans_.front().begin));
    return {Verdict::kNoMatch, &kOutside};
  }
  std::string describe() const override { return text_; }
  bool timed() const override { return true; }

 private:
  std::vector<Span> spans_;  // ascending, apart from one another, not the whole week
  std::chrono::minutes zone_;
  std::string text_;
};

std::optional<int> two_digits(std::string_view text) {
  if (text.size() != 2 || text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9') return std::nullopt;
  return (text[0] - '0') * 10 + (text[1] - '0');
}

/// "08:30" in minutes; "24:00" is a day's end.
std::optional<int> clock_time(std::string_view text) {
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  const auto hours = two_digits(text.substr(0, 2)), minutes = two_digits(text.substr(3));
  if (!hours || !minutes || *minutes > 59 || *hours > 24 || (*hours == 24 && *minutes > 0)) return std::nullopt;
  return *hours * 60 + *minutes;
}

/// "+02:00", "-03:30"; "Z" and "UTC" are "+00:00".
std::optional<int> zone_offset(std::string_view text) {
  if (text == "Z" || text == "UTC") return 0;
  if (text.size() != 6 || (text[0] != '+' && text[0] != '-')) return std::nullopt;
  const auto minutes = clock_time(text.substr(1));
  if (!minutes || *minutes > 14 * 60) return std::nullopt;
  return text[0] == '-' ? -*minutes : *minutes;
}

/// One span per day, cut at the week's end, then joined where they touch.
std::vector<Span> spans_of(const std::vector<int>& days, int from, int to) {
  std::vector<Span> out;
  for (const int day : days) {
    const int begin = day * kDayMinutes + from;
    const int end = day * kDayMinutes + to + (to <= from ? kDayMinutes : 0);
    out.push_back({begin, std::min(end, kWeekMinutes)});
    if (end > kWeekMinutes) out.push_back({0, end - kWeekMinutes});
  }
  std::sort(out.begin(), out.end(), [](const Span& a, const Span& b) { return a.begin < b.begin; });
  std::vector<Span> joined;
  for (const Span& span : out) {
    if (!joined.empty() && span.begin <= joined.back().end) {
      joined.back().end = std::max(joined.back().end, span.end);
    } else {
      joined.push_back(span);
    }
  }
  return joined;
}

Result<int> read_clock(const Parameters& parameters, std::string_view name, int otherwise) {
  const std::string_view text = text_of(parameters, name);
  if (text.empty()) return otherwise;
  const auto at = clock_time(text);
  if (at && !(name == "from" && *at == kDayMinutes)) return *at;
  return invalid(fmt::format("{}: {} is no time of day; write it as 08:30, in 24 hours", name, posture::quoted(text)));
}

Result<std::unique_ptr<const Condition>> compile(const Parameters& parameters, OsFamily) {
  const auto& names = list_of(parameters, "weekdays");
  const bool hours = parameters.contains("from");
  if (hours != parameters.contains("to")) {
    return invalid(fmt::format("{}: is missing; give both from and to, or none for the whole day", hours ? "to" : "from"));
  }
  if (names.empty() && !hours) return invalid("weekdays: is missing; give weekdays, or from and to, or both");
  const auto from = read_clock(parameters, "from", 0);
  if (!from) return fail(from.error());
  const auto to = read_clock(parameters, "to", kDayMinutes);
  if (!to) return fail(to.error());
  if (*from == *to) return invalid("to: is the same as from; leave both out for the whole day");
  std::string_view zone_text = text_of(parameters, "zone");
  if (zone_text.empty()) zone_text = "UTC";
  const auto zone = zone_offset(zone_text);
  if (!zone) {
    return invalid(fmt::format("zone: {} is no offset from UTC; write it as +02:00, -03:30 or UTC", posture::quoted(zone_text)));
  }
  std::vector<int> days;
  for (int day = 0; day < 7; ++day) {
    if (names.empty() || std::find(names.begin(), names.end(), kWeekdays[static_cast<std::size_t>(day)]) != names.end())
      days.push_back(day);
  }
  auto spans = spans_of(days, *from, *to);
  if (spans.size() == 1 && spans.front().begin == 0 && spans.front().end == kWeekMinutes) {
    return invalid("weekdays: these hours are the whole week, so that the rule would always match");
  }
  std::string text = "it is ";
  if (hours) text += fmt::format("from {} to {}", text_of(parameters, "from"), text_of(parameters, "to"));
  if (!names.empty()) text += (hours ? " on " : "") + in_words(names, Match::kAny);
  text += fmt::format(" ({})", zone_text == "Z" ? "UTC" : zone_text);
  return std::make_unique<Hours>(std::move(spans), std::chrono::minutes(*zone), std::move(text));
}

}  // namespace
}  // namespace time_rule

const RuleType& time() {
  static const RuleType kType{
      .name = "time",
      .title = "Time",
      .help = "It is within these hours, by the EMS's clock. Hours across midnight (22:00 to 06:00) belong to the day on "
              "which they begin. Summer time is not known: an offset from UTC stays what it is.",
      .systems = {kAllOsFamilies.begin(), kAllOsFamilies.end()},
      .parameters = {{.name = "weekdays",
                      .type = ParameterSpec::Type::kTexts,
                      .choices = {time_rule::kWeekdays.begin(), time_rule::kWeekdays.end()},
                      .help = "On which days; every day if not given."},
                     {.name = "from", .max_bytes = 5, .help = "When it begins, as 08:30. The whole day if not given."},
                     {.name = "to", .max_bytes = 5, .help = "When it ends, not included: 17:00, or 24:00 for the day's end."},
                     {.name = "zone", .max_bytes = 6, .help = "Offset from UTC, as +02:00; UTC if not given."}},
      .unknown = "Never: the EMS knows what time it is.",
      .compile = time_rule::compile};
  return kType;
}

}  // namespace postern::posture::rules
