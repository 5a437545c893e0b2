#pragma once
// In an explanation: what an EMS knows of a reason beyond what rules can say, for now and for the past alike.
#include <string>
#include <string_view>

#include "base/clock.h"
#include "posture/explain.h"

namespace postern::ems {

/// Where the tag timeout made the state unknown ("silent"): `silence` is what nobody heard and since when, such as
/// "nothing was heard of it since 2026-11-26T10:00:00Z".
void say_silence(posture::TagExplanation& why, std::string_view silence, Seconds timeout);

/// Where a rule says "unsupported" of something that has little to do with the endpoint's system: what is
/// missing, as far as it can be said without asking the endpoint's profile.
void say_what_is_missing(posture::TagExplanation& why);

/// What of an endpoint's packages nobody can judge (MatchResult::unjudged), for a person.
std::string unjudged_words(std::string_view unjudged);

/// Of a past moment: which attribute was over by then, where a rule only says that it is too long ago. What it was is not
/// kept, and of now the endpoint itself says.
void say_what_had_expired(posture::TagExplanation& why);

}  // namespace postern::ems
