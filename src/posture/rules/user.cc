// user {"names","of","match"}: who is logged in, or was last.
#include <fmt/format.h>

#include "posture/fact_keys.h"
#include "posture/rules/listing.h"
#include "posture/text_match.h"

namespace postern::posture::rules {
namespace user_rule {
namespace {

constexpr Reason kIsIn{"user_logged_in", "such a user is logged in"};
constexpr Reason kIsNotIn{"user_not_logged_in", "no such user is logged in"};
constexpr Reason kWasLast{"user_was_last", "such a user was the last to log in"};
constexpr Reason kWasNotLast{"user_was_not_last", "another user was the last to log in"};
constexpr Match kOtherwise = Match::kAny;

bool equal(std::string_view a, std::string_view b) { return a == b; }

class LastUser final : public Condition {
 public:
  LastUser(std::vector<std::string> names, ListCondition::Same same) : names_(std::move(names)), same_(same) {
    keys_ = {std::string(keys::kLastLoginUser)};
  }
  Judgement judge(const FactView& facts) const override {
    const Reason* why = nullptr;
    const auto* last = read<std::string>(facts, keys::kLastLoginUser, why);
    if (last == nullptr) return {Verdict::kUnknown, why};
    const bool is = std::any_of(names_.begin(), names_.end(), [&](const auto& name) { return same_(*last, name); });
    return {verdict_of(is), is ? &kWasLast : &kWasNotLast};
  }
  std::string describe() const override { return "the last user to log in is " + in_words(names_, Match::kAny); }

 private:
  std::vector<std::string> names_;
  ListCondition::Same same_;
};

Result<std::unique_ptr<const Condition>> compile(const Parameters& parameters, OsFamily os) {
  const auto& names = list_of(parameters, "names");
  const ListCondition::Same same = os == OsFamily::kLinux ? equal : equals_ignoring_case;
  if (text_of(parameters, "of") == "last") {
    if (parameters.contains("match")) return invalid("match: belongs to users that are logged in; only one logged in last");
    return std::make_unique<LastUser>(names, same);
  }
  const Match match = match_of(parameters, kOtherwise);
  return std::make_unique<ListCondition>(
      keys::kLoggedInUsers, names, match, same, kIsIn, kIsNotIn,
      in_words(names, match) + (match == Match::kAll && names.size() > 1 ? " are logged in" : " is logged in"));
}

}  // namespace
}  // namespace user_rule

const RuleType& user() {
  static const RuleType kType{
      .name = "user",
      .title = "User",
      .help = "A user of these names is logged in, or was the last to log in. On Linux names are told apart by case.",
      .systems = {OsFamily::kLinux, OsFamily::kWindows, OsFamily::kMacos},
      .parameters = {{.name = "names",
                      .type = ParameterSpec::Type::kTexts,
                      .required = true,
                      .help = "Names as endpoints report them: alice, EXAMPLE\\alice."},
                     {.name = "of",
                      .choices = {"logged-in", "last"},
                      .help = "Who is logged in now, or who logged in last; logged-in if not given."},
                     match_parameter(user_rule::kOtherwise)},
      .facts = {keys::kLoggedInUsers, keys::kLastLoginUser},
      .compile = user_rule::compile};
  return kType;
}

}  // namespace postern::posture::rules
