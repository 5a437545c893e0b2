#pragma once
// Why an endpoint had a tag or not at a moment of the past: read back out of the change log, a page at a time, so that
// nobody waits for somebody's question.
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "ems/registry/model.h"
#include "posture/engine.h"
#include "posture/explain.h"

namespace postern::ems {

class Store;

/// Thread: one.
class PastQuestion {
 public:
  /// By the name that it has now; null: there is none.
  using FindTag = std::function<const Tag*(std::string_view name)>;
  /// What is known of the endpoint now, and what doesn't stand in the log.
  struct Present {
    EndpointUid uid;
    posture::FactMap facts;
    posture::TagSets tags;
    Millis tag_timeout{};
  };

  /// REQUIRES: `present` is what the store has. `store` outlives it.
  PastQuestion(const Store& store, Present present, std::string tag, Now then);

  /// Reads one page more; none: there is more to read. REQUIRES: what `find_tag` finds is what the store has. Errors:
  /// kNotFound (the tag was not there, or the log does not reach back that far), those of the store.
  std::optional<Result<posture::TagExplanation>> step(const FindTag& find_tag);

 private:
  /// A tag that is asked for or that such a one refers to, on its way back to what it was.
  struct Back {
    std::string called;          ///< Where the log is being read.
    std::optional<Tag> tag;
    Revision before = 0;
    std::size_t read = 0;
  };
  Status read_endpoint();
  Status read_tag();
  Status found(std::optional<Tag> tag);
  bool next_tag(const FindTag& find_tag);
  Result<posture::TagExplanation> answer() const;

  const Store& store_;
  Present of_;                                      ///< Its facts: as they were where the log is being read.
  std::string asked_;
  Now then_;
  std::optional<Back> back_;
  std::vector<std::string> names_;                  ///< Tags still to be looked for.
  std::set<std::string, std::less<>> seen_;
  posture::TagId id_ = 0;                           ///< Of the tag that is asked for.
  posture::TagEngine engine_;                       ///< The tags as they were.
  bool begun_ = false;                              ///< The log was read back to the moment.
  Revision before_ = 0;
  std::size_t read_ = 0;
  std::map<std::string, posture::TagState, std::less<>> states_;  ///< Those that changed since, as they were.
};

}  // namespace postern::ems
