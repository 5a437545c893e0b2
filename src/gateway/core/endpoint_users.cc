#include "gateway/core/endpoint_users.h"

#include "base/text.h"

namespace postern::gateway {
namespace {

struct SignedIn {
  std::string name, domain;
};

SignedIn signed_in_as(std::string_view text) {
  const auto lower = to_lower(trim(text));
  if (const auto at = lower.find('\\'); at != lower.npos) return {lower.substr(at + 1), lower.substr(0, at)};
  if (const auto at = lower.rfind('@'); at != lower.npos) return {lower.substr(0, at), lower.substr(at + 1)};
  return {lower, {}};
}

}  // namespace

std::string user_bit(const std::string& user) { return "user " + user; }
std::string group_bit(const std::string& group) { return "group " + group; }
bool is_user_bit(std::string_view name) { return name.starts_with("user ") || name.starts_with("group "); }

UserIs user_is(std::string_view reported, std::string_view named) {
  const auto who = signed_in_as(reported);
  if (who.name.empty()) return UserIs::kUnknown;
  const auto wanted = signed_in_as(named);
  if (wanted.name.empty() || who.name != wanted.name) return UserIs::kNo;
  if (wanted.domain.empty() || who.domain == wanted.domain) return UserIs::kYes;
  if (who.domain.empty()) return UserIs::kUnknown;
  const bool same_form = (who.domain.find('.') == who.domain.npos) == (wanted.domain.find('.') == wanted.domain.npos);
  return same_form ? UserIs::kNo : UserIs::kUnknown;
}

UserIs user_is_any(std::string_view reported, const std::vector<std::string>& named) {
  auto out = UserIs::kNo;
  for (const auto& one : named) {
    const auto is = user_is(reported, one);
    if (is == UserIs::kYes) return is;
    if (is == UserIs::kUnknown) out = is;
  }
  return out;
}

}  // namespace postern::gateway
