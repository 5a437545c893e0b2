#pragma once
// What rules demand of the executables that run under a name. Of several that do, every one counts: a copy with another
// content beside the genuine one must not pass.
#include <memory>
#include <string>
#include <vector>

#include "posture/fact_keys.h"
#include "posture/rules/checks.h"
#include "posture/rules/conditions.h"

namespace postern::posture::rules {

inline constexpr Reason kRunsNot{"process_not_running", "what must run does not"};

inline std::unique_ptr<const Condition> digests_allowed(const std::string& name,
                                                        const std::vector<std::string>& allowed) {
  static constexpr Reason kAllowed{"process_content_allowed", "what runs has a digest that is allowed"};
  static constexpr Reason kOther{"process_content_differs", "something runs under the name whose digest isn't allowed"};
  return holds_only(keys::with(keys::kProcessSha256, name), allowed, false, {kAllowed, kOther, kRunsNot},
                    name + " is running, and only with " +
                        (allowed.size() == 1 ? "the SHA-256 " + allowed.front() : "an allowed SHA-256"));
}

inline std::unique_ptr<const Condition> signed_by(const std::string& name, const std::string& signer) {
  static constexpr Reason kAllowed{"process_signer_allowed", "what runs is signed as demanded"};
  static constexpr Reason kOther{"process_signer_differs",
                                 "something runs under the name that another signed, or nobody"};
  return holds_only(keys::with(keys::kProcessSigners, name), {signer}, false, {kAllowed, kOther, kRunsNot},
                    name + " is running, and only as " + signer + " signed it");
}

}  // namespace postern::posture::rules
