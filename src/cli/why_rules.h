#pragma once
// The part of an answer to why that tells of the rules.
#include "cli/page.h"
#include "cli/why_answer.h"

namespace postern::cli {

/// Those that decide in full, with what they read; the others in a line each.
void write_rules(Page& page, const WhyAnswer& answer);

}  // namespace postern::cli
