#pragma once
// What the EMS answered to "why has it this tag, or not?", understood: which rules decide, and until when that is so.
#include <boost/json/fwd.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "cli/logic.h"
#include "cli/why_view.h"

namespace postern::cli {

/// Refers to the question, which outlives it.
class WhyAnswer {
 public:
  explicit WhyAnswer(const WhyQuestion& question);

  const boost::json::value& why;
  const boost::json::value& endpoint;
  const boost::json::value* tag_now;   ///< Null: it is not there any more.
  const bool past;
  const std::string name;              ///< The endpoint's.
  const std::string tag, state, reason;
  std::vector<std::pair<std::uint32_t, const boost::json::value*>> rules;  ///< As the tag lists them.
  Truths truths;                       ///< Of the rules.
  std::optional<Logic> logic;          ///< None: there is none, or one that this version doesn't understand.
  std::vector<std::uint32_t> decisive; ///< Rules without which it would not be so.

  Truth truth(std::uint32_t rule) const;
  Truth state_truth() const;
  /// That rule's verdict changes by itself then, and the state with it.
  std::optional<WallTime> changes_at(const boost::json::value& rule) const;
  /// The state changes by itself then; none: never, or the EMS doesn't say.
  std::optional<WallTime> changes_at() const;
  std::string system_text() const;     ///< "linux", or what there is instead.

 private:
  void find_decisive();
};

/// "rule 2", "rules 1 and 3".
std::string rules_named(const std::vector<std::uint32_t>& rules, std::string_view last = "and");

}  // namespace postern::cli
