// user-identity {"service","account","match_type"}: with which account a user proved who they are.
#include <fmt/format.h>

#include "posture/fact_keys.h"
#include "posture/rules/name_pattern.h"
#include "posture/rules/reading.h"

namespace postern::posture::rules {
namespace user_identity_rule {
namespace {

constexpr Reason kSame{"identity_matches", "the account is one that was named"};
constexpr Reason kOther{"identity_differs", "the account is another, or there is none"};

class Account final : public Condition {
 public:
  Account(std::string key, NamePattern pattern, std::string text) : pattern_(std::move(pattern)), text_(std::move(text)) {
    keys_ = {std::move(key)};
  }
  Judgement judge(const FactView& facts) const override {
    const Reason* why = nullptr;
    const auto* account = read<std::string>(facts, keys_.front(), why);
    if (account == nullptr) return {Verdict::kUnknown, why};
    const bool same = !account->empty() && pattern_.matches(*account);
    return {verdict_of(same), same ? &kSame : &kOther};
  }
  std::string describe() const override { return text_; }

 private:
  NamePattern pattern_;
  std::string text_;
};

Result<std::unique_ptr<const Condition>> compile(const Parameters& parameters, OsFamily) {
  const std::string service(text_of(parameters, "service"));
  const std::string account(text_of(parameters, "account"));
  const std::string_view how = text_of(parameters, "match_type");
  const auto kind = how == "regex"      ? NamePattern::Kind::kRegex
                    : how == "wildcard" ? NamePattern::Kind::kWildcard
                                        : NamePattern::Kind::kExact;
  auto pattern = NamePattern::compile("account", account, kind, true);
  if (!pattern) return fail(pattern.error());
  const std::string whose = service == "Custom" ? "the user's own account" : fmt::format("the user's {} account", service);
  const std::string_view does = how == "regex" ? "matches the regular expression" : how == "wildcard" ? "matches" : "is";
  return std::make_unique<Account>(keys::with(keys::kUserIdentity, service), std::move(*pattern),
                                   fmt::format("{} {} {}", whose, does, account));
}

}  // namespace
}  // namespace user_identity_rule

const RuleType& user_identity() {
  static const RuleType kType{
      .name = "user-identity",
      .title = "User Identity",
      .help = "The account with which the user proved who they are at a service. Case is ignored.",
      .systems = {OsFamily::kLinux, OsFamily::kWindows, OsFamily::kMacos},
      .parameters = {{.name = "service",
                      .required = true,
                      .choices = {"Google", "LinkedIn", "Salesforce", "Custom"},
                      .help = "Where the account is; Custom: what the user gave themselves."},
                     {.name = "account", .required = true, .help = "The account, such as alice@example.org."},
                     {.name = "match_type",
                      .choices = {"simple", "regex", "wildcard"},
                      .help = "simple: the same text; regex: a regular expression (RE2) for the whole; wildcard: * stands "
                              "for any characters, ? for one. simple if not given."}},
      .facts = {"user.identity:<service>"},
      .compile = user_identity_rule::compile};
  return kType;
}

}  // namespace postern::posture::rules
