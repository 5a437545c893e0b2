#pragma once
// The answer to "why has it this tag, or not?", as a person reads it: the verdict, what decides it, the rest in short.
#include <boost/json/fwd.hpp>
#include <string>

#include "base/clock.h"
#include "cli/look.h"

namespace postern::cli {

struct WhyQuestion {
  const boost::json::value& why;       ///< What endpoints/{uid}/tags/{tag}/why answered.
  const boost::json::value& endpoint;  ///< As it is now.
  const boost::json::value* tag;       ///< As it is now; null: it is not there any more.
  bool past = false;                   ///< A moment was asked for.
};

std::string why_text(const Look& look, const WhyQuestion& question);

}  // namespace postern::cli
