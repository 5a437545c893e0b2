#pragma once
// What nginx's error log says about a start or a reload. `nginx -t` doesn't tell everything: a port that another program
// listens at is found only afterwards, and said nowhere else.
#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace postern::gateway {

/// `log`: what was written since the start or the reload; an unfinished last line is left out. nullopt: it isn't decided
/// yet. Error: kConflict (it can't listen at a port), kUnavailable (anything else); the old configuration stays, a start
/// ends.
std::optional<Status> nginx_verdict(std::string_view log, pid_t master);

}  // namespace postern::gateway
