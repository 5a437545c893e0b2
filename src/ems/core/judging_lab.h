#pragma once
// For tests of what becomes of tags: with time, by people's hands, over restarts. A lab that waits, and that asks the core
// as an administrator does.
#include <optional>
#include <string>
#include <vector>

#include "ems/core/test_lab.h"

namespace postern::ems::testing {

using posture::TagState;

/// Healthy: "av" runs; kept for 120 s when that is lost.
inline constexpr const char* kHeldTag =
    R"({"name":"Healthy","loss_delay":120,"rules":[{"id":1,"os":"linux","type":"running-process","processes":["av"]}]})";

/// What is asked of the core is answered, and committed, when these return.
class Judging : public Lab {
 protected:
  TagState state(const TestAgent& agent, const std::string& tag) const;
  /// In steps as ticks come; `heard`: with a sign of life every minute.
  void wait(TestAgent& agent, Seconds seconds, bool heard);
  Status attribute(const TestAgent& agent, const std::string& name, EmsCore::AttributeValue value,
                   std::optional<Seconds> expires_in = std::nullopt);
  Status classify(const TestAgent& agent, const std::vector<std::string>& tags);
  /// REQUIRES: `json` is a tag. `name`: the one that it had so far, if that is another.
  Status save(const std::string& json, const std::string& name = "");
  Status remove(const std::string& name);
  Result<EmsCore::Undone> undo(const std::string& name, Revision expected = 0);

 private:
  template <class Ask>
  Status answer(Ask ask);
};

}  // namespace postern::ems::testing
