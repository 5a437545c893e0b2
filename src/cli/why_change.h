#pragma once
// The part of an answer to why that tells what would change it; of the past: what became of it.
#include "cli/page.h"
#include "cli/why_answer.h"

namespace postern::cli {

/// Nothing if there is nothing to say.
void write_change(Page& page, const WhyAnswer& answer);

}  // namespace postern::cli
