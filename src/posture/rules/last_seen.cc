// last-seen {"within_minutes"}: the agent gives signs of life, or gave one not long ago.
#include "posture/fact_keys.h"
#include "posture/rules/reading.h"
#include "posture/rules/timing.h"

namespace postern::posture::rules {
namespace last_seen_rule {
namespace {

constexpr Reason kConnected{"seen_now", "the agent's telemetry is connected"};
constexpr Reason kRecently{"seen_recently", "the agent's last sign of life is recent"};
constexpr Reason kLongAgo{"seen_long_ago", "the agent's last sign of life is too long ago"};
constexpr Reason kNever{"never_seen", "nobody knows of a sign of life of the agent"};

/// While the agent is connected every keepalive would move the time; so that counts as seen now, and what is left to
/// watch is a time that stands still.
class LastSeen final : public Condition {
 public:
  explicit LastSeen(std::int64_t minutes) : minutes_(minutes) { keys_ = {std::string(keys::kEmsOnline)}; }
  Judgement judge(const FactView& facts) const override {
    const Reason* why = nullptr;
    const bool* online = read<bool>(facts, keys::kEmsOnline, why);
    if (online != nullptr && *online) return {Verdict::kMatch, &kConnected};
    const WallTime seen = facts.confirmed();
    const bool never = seen == WallTime::min();
    if (!never && is_within(facts, to_unix_ms(seen), std::chrono::minutes(minutes_))) return {Verdict::kMatch, &kRecently};
    if (online == nullptr) return {Verdict::kUnknown, why};
    return never ? Judgement{Verdict::kUnknown, &kNever} : Judgement{Verdict::kNoMatch, &kLongAgo};
  }
  std::string describe() const override {
    return "the agent gave a sign of life within the last " + count_of(minutes_, "minute");
  }
  bool timed() const override { return true; }

 private:
  std::int64_t minutes_;
};

Result<std::unique_ptr<const Condition>> compile(const Parameters& parameters, OsFamily) {
  return std::make_unique<LastSeen>(integer_of(parameters, "within_minutes", 0));
}

}  // namespace
}  // namespace last_seen_rule

const RuleType& last_seen() {
  static const RuleType kType{
      .name = "last-seen",
      .title = "Last Seen",
      .help = "The agent's telemetry is connected, or its last sign of life is no longer ago than this.",
      .systems = {kAllOsFamilies.begin(), kAllOsFamilies.end()},
      .parameters = {{.name = "within_minutes",
                      .type = ParameterSpec::Type::kInteger,
                      .required = true,
                      .min = 1,
                      .max = 366 * 24 * 60,
                      .help = "In minutes."}},
      .facts = {keys::kEmsOnline},
      .unknown = "Also while the agent is not connected and nobody knows when it last was.",
      .compile = last_seen_rule::compile};
  return kType;
}

}  // namespace postern::posture::rules
