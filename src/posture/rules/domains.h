#pragma once
// Rule types {"domains","match"}: whether domains are among those that a fact lists.
#include <memory>
#include <string_view>
#include <vector>

#include "posture/rules/reading.h"

namespace postern::posture::rules {

std::vector<ParameterSpec> domains_parameters();

/// `fact` lists domains. `words` come before the rule's own in a description: "the machine is a member of ". Case and a
/// dot at the end do not count.
Result<std::unique_ptr<const Condition>> compile_domains(const Parameters& parameters, std::string_view fact,
                                                         const Reason& in, const Reason& not_in, std::string_view words);

}  // namespace postern::posture::rules
