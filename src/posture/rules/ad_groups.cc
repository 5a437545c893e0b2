// ad-groups {"groups","match"}: a user who is logged in is a member of directory groups.
#include <fmt/format.h>

#include "posture/fact_keys.h"
#include "posture/quote.h"
#include "posture/rules/directory_name.h"
#include "posture/rules/reading.h"

namespace postern::posture::rules {
namespace ad_groups_rule {
namespace {

constexpr Reason kMember{"group_member", "a user who is logged in is a member"};
constexpr Reason kNotMember{"not_group_member", "of a group that is asked for, nobody who is logged in is a member"};
constexpr Reason kDomainUnclear{"group_domain_unclear",
                                "there is a group of that name, but not told in which domain, or the domain is told in "
                                "another form (EXAMPLE or example.org) than the rule's"};
constexpr Match kOtherwise = Match::kAny;

class InGroups final : public Condition {
 public:
  InGroups(std::vector<std::string> groups, Match match) : groups_(std::move(groups)), match_(match) {
    keys_ = {std::string(keys::kUserGroups)};
  }
  Judgement judge(const FactView& facts) const override {
    const Reason* why = nullptr;
    const auto* told = read<std::vector<std::string>>(facts, keys::kUserGroups, why);
    if (told == nullptr) return {Verdict::kUnknown, why};
    SetVerdict set(match_);
    for (const std::string& group : groups_) {
      const auto wanted = DirectoryName::of(group);
      Verdict member = Verdict::kNoMatch;
      for (const std::string& one : *told) member = verdict_or(member, same_directory_name(DirectoryName::of(one), wanted));
      set.add(member, &kDomainUnclear);
    }
    return set.judgement(kMember, kNotMember);
  }
  std::string describe() const override { return "a logged-in user is a member of " + in_words(groups_, match_); }

 private:
  std::vector<std::string> groups_;
  Match match_;
};

Result<std::unique_ptr<const Condition>> compile(const Parameters& parameters, OsFamily) {
  const auto& groups = list_of(parameters, "groups");
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const auto parts = DirectoryName::of(groups[i]);
    const bool qualified = groups[i].find_first_of("\\@") != std::string::npos;
    if (!parts.name.empty() && (!qualified || !parts.domain.empty()) && parts.name.find('\\') == parts.name.npos) continue;
    return invalid(fmt::format("groups[{}]: {} is no group's name; write it as admins, EXAMPLE\\admins or admins@example.org",
                               i, posture::quoted(groups[i])));
  }
  return std::make_unique<InGroups>(groups, match_of(parameters, kOtherwise));
}

}  // namespace
}  // namespace ad_groups_rule

const RuleType& ad_groups() {
  static const RuleType kType{
      .name = "ad-groups",
      .title = "AD Group",
      .help = "A user who is logged in is a member of these groups of the directory; the computer's own groups don't "
              "count. With negate: of none of them (there is no way to ask for users that are in no group at all).",
      .systems = {OsFamily::kLinux, OsFamily::kWindows, OsFamily::kMacos},
      .parameters = {{.name = "groups",
                      .type = ParameterSpec::Type::kTexts,
                      .required = true,
                      .help = "Groups as admins (of any domain), EXAMPLE\\admins or admins@example.org; case is ignored."},
                     match_parameter(ad_groups_rule::kOtherwise)},
      .facts = {keys::kUserGroups},
      .unknown = "Also where the endpoint tells a group of that name without its domain, or names the domain in the other "
                 "form (EXAMPLE, example.org).",
      .compile = ad_groups_rule::compile};
  return kType;
}

}  // namespace postern::posture::rules
