#pragma once
// How directories write a name within a domain: "EXAMPLE\admins", "admins@example.org", or "admins" alone.
#include <string_view>

#include "posture/text_match.h"
#include "posture/verdict.h"

namespace postern::posture::rules {

struct DirectoryName {
  std::string_view name;
  std::string_view domain;  ///< Empty: none is given.

  static DirectoryName of(std::string_view text) {
    if (const auto slash = text.find('\\'); slash != text.npos) return {text.substr(slash + 1), text.substr(0, slash)};
    if (const auto at = text.rfind('@'); at != text.npos) return {text.substr(0, at), text.substr(at + 1)};
    return {text, {}};
  }
};

/// Is what a directory calls `told` what a rule calls `wanted`? A rule without a domain means every domain. Unknown where
/// the names are alike and the domains can't be compared: one isn't told, or one is a short (NetBIOS) name and the other
/// that of the DNS.
inline Verdict same_directory_name(const DirectoryName& told, const DirectoryName& wanted) {
  if (!equals_ignoring_case(told.name, wanted.name)) return Verdict::kNoMatch;
  if (wanted.domain.empty() || equals_ignoring_case(told.domain, wanted.domain)) return Verdict::kMatch;
  const auto dotted = [](std::string_view domain) { return domain.find('.') != domain.npos; };
  if (told.domain.empty() || dotted(told.domain) != dotted(wanted.domain)) return Verdict::kUnknown;
  return Verdict::kNoMatch;
}

}  // namespace postern::posture::rules
