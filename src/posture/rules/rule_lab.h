#pragma once
// What the tests of the rule types share: a condition from its parameters, and what it must say of facts.
#include <memory>
#include <string_view>

#include "posture/rule.h"
#include "posture/test_facts.h"

namespace postern::posture::testing {

/// The condition of a rule type by its name; the parameters must be good.
std::unique_ptr<const Condition> make(std::string_view type, const Parameters& parameters,
                                      OsFamily os = OsFamily::kLinux);
/// Why these parameters are refused; empty if they are not.
std::string refusal(std::string_view type, const Parameters& parameters, OsFamily os = OsFamily::kLinux);

/// What it says of these facts, and the code of the reason. `now` is that of the judgement.
void expect(const Condition& condition, const FactMap& facts, Verdict verdict, std::string_view reason,
            Now now = kNow);

/// Each way in which the fact `key` may be unknown gives unknown with its own reason, as the other facts are.
void expect_unknowns(const Condition& condition, FactMap facts, std::string_view key, const Fact& malformed);

}  // namespace postern::posture::testing
