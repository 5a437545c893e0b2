#pragma once
// What the tests of the rule types share: a condition from its parameters, and what it must say of facts. What
// conditions of make() say is counted: seen_lab.h tells what a run of all tests demands of them.
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "posture/rule.h"
#include "posture/test_facts.h"

namespace postern::posture::testing {

/// The condition of a rule type by its name; the parameters must be good.
std::unique_ptr<const Condition> make(std::string_view type, const Parameters& parameters,
                                      OsFamily os = OsFamily::kLinux);
/// Why these parameters are refused; empty if they are not.
std::string refusal(std::string_view type, const Parameters& parameters, OsFamily os = OsFamily::kLinux);

/// What it says of these facts, and the code of the reason. `now` is that of the judgement.
void expect(const Condition& condition, const FactMap& facts, Verdict verdict, std::string_view reason, Now now = kNow);

/// For tables over several types, each of which has reasons of its own.
void expect_verdict(const Condition& condition, const FactMap& facts, Verdict verdict);

/// The same of an endpoint without facts, of whose tags these are known: `tags` by what a rule refers to them as.
void expect_with_tags(const Condition& condition, const FactMap& tags, Verdict verdict, std::string_view reason);

/// Each way in which the fact `key` may be unknown gives unknown with its own reason, as the other facts are.
void expect_unknowns(const Condition& condition, FactMap facts, std::string_view key, const Fact& malformed);

/// At these times only: until when it says so of these facts.
void expect_until(const Condition& condition, const FactMap& facts, WallTime until, Now now = kNow);

/// Whether its parts(), judged and joined, say what it says itself of these facts; it must have some.
void expect_parts_agree(const Condition& condition, const FactMap& facts, Now now = kNow);

inline FactMap facts_of(std::initializer_list<std::pair<std::string_view, Fact>> list) {
  FactMap out;
  for (const auto& [key, fact] : list) out[std::string(key)] = fact;
  return out;
}
inline Fact texts(std::vector<std::string> list) { return known(std::move(list)); }
/// The fact of a time: so long before kNow; negative: after it.
inline Fact ago(Millis span) { return known(to_unix_ms(kNow.wall - span)); }
inline constexpr Millis kDay = Seconds(24 * 3600);

}  // namespace postern::posture::testing
