// forwarding {"families","state"}: the endpoint hands packets of others on, or doesn't.
#include "posture/fact_keys.h"
#include "posture/rules/listing.h"

namespace postern::posture::rules {
namespace forwarding_rule {
namespace {

constexpr Reason kOn{"forwarding_on", "the endpoint forwards packets"};
constexpr Reason kOff{"forwarding_off", "the endpoint does not forward packets"};

/// No entry of a list is one of these.
class NoneOf final : public Condition {
 public:
  explicit NoneOf(std::unique_ptr<const Condition> any, std::string text) : any_(std::move(any)), text_(std::move(text)) {
    keys_ = any_->keys();
  }
  Judgement judge(const FactView& facts) const override {
    const Judgement any = any_->judge(facts);
    return {verdict_not(any.verdict), any.reason};
  }
  std::string describe() const override { return text_; }

 private:
  std::unique_ptr<const Condition> any_;
  std::string text_;
};

Result<std::unique_ptr<const Condition>> compile(const Parameters& parameters, OsFamily) {
  std::vector<std::string> families = list_of(parameters, "families");
  if (families.empty()) families = {"ipv4", "ipv6"};
  const std::string words = in_words(families, Match::kAny);
  auto on = std::make_unique<ListCondition>(
      keys::kForwarding, families, Match::kAny, [](std::string_view a, std::string_view b) { return a == b; }, kOn, kOff,
      "forwarding of " + words + " is on");
  if (text_of(parameters, "state") != "off") return on;
  return std::make_unique<NoneOf>(std::move(on), "forwarding of " + in_words(families, Match::kAll) + " is off");
}

}  // namespace
}  // namespace forwarding_rule

const RuleType& forwarding() {
  static const RuleType kType{
      .name = "forwarding",
      .title = "Forwarding",
      .help = "The endpoint forwards packets between its networks: of at least one of the families (state on), or of none "
              "of them (state off).",
      .systems = {OsFamily::kLinux, OsFamily::kWindows, OsFamily::kMacos},
      .parameters = {{.name = "families",
                      .type = ParameterSpec::Type::kTexts,
                      .choices = {"ipv4", "ipv6"},
                      .help = "Of which protocols; both if not given."},
                     {.name = "state", .choices = {"on", "off"}, .help = "Which state matches; on if not given."}},
      .facts = {keys::kForwarding},
      .compile = forwarding_rule::compile};
  return kType;
}

}  // namespace postern::posture::rules
