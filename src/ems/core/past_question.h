#pragma once
// Why an endpoint had a tag or not at a moment of the past: read back out of the change log, a page at a time, so that
// nobody waits for somebody's question.
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "ems/core/past_tags.h"
#include "ems/registry/model.h"
#include "posture/engine.h"
#include "posture/explain.h"

namespace postern::ems {

class Store;

/// Thread: one.
class PastQuestion {
 public:
  /// What is known of the endpoint now, and what doesn't stand in the log.
  struct Present {
    EndpointUid uid;
    posture::FactMap facts;
    posture::TagSets tags;
    WallTime confirmed_until{};  ///< Endpoint::confirmed_until.
    Millis tag_timeout{};
  };

  /// `tag`: the name that it had then. REQUIRES: `present` and `tags` are what the store has. `store` outlives it.
  PastQuestion(const Store& store, Present present, const posture::TagEngine& tags, std::string tag, Now then);

  /// Reads one page more; none: there is more to read. Errors: kNotFound (no tag was called so, or the log does not reach
  /// back that far), those of the store.
  std::optional<Result<posture::TagExplanation>> step();

 private:
  enum class Reads : std::uint8_t { kEndpoint, kConfirmation, kTags, kReferences };
  Status read_endpoint();
  Status read_confirmation();
  Status read_tags();
  Status find_tag();
  Status load_some();

  /// How things stood, by one way to read the log.
  struct Account {
    WallTime confirmed{};         ///< Until when what its agent reported was.
    std::optional<Millis> limit;  ///< For how long that counted after it.
    std::string silence;          ///< Why it counted no longer, should it be so by this account.
  };
  /// Each confirms no more than the one before.
  std::vector<Account> accounts() const;
  posture::TagState said_of(std::string_view name, posture::TagId id) const;
  /// Nothing was collected later than it was heard.
  void hold_facts_to(WallTime confirmed);
  Result<posture::TagExplanation> answer();

  const Store& store_;
  Present of_;                                      ///< Its facts: as they were where the log is being read.
  std::string asked_;
  Now then_;
  Reads reads_ = Reads::kEndpoint;
  Revision before_ = 0;
  std::size_t read_ = 0;
  /// Of tags whose states changed since, the states as they were; those that older versions wrote down by name.
  std::map<posture::TagId, posture::TagState> states_;
  std::map<std::string, posture::TagState, std::less<>> named_states_;
  WallTime confirmed_after_;                        ///< What the first change after the moment says; or what is so now.
  std::optional<WallTime> confirmed_before_;        ///< What the last one before it says.
  PastTags tags_;
  posture::TagId id_ = 0, now_called_so_ = 0;       ///< Of the tag that is asked for, and that has its name now.
  std::vector<posture::TagId> open_;                ///< Tags still to be loaded.
  std::set<posture::TagId> seen_;
  posture::TagEngine engine_;                       ///< It, and those that it refers to.
};

}  // namespace postern::ems
