#pragma once
// The tags as they were at a moment of the past, and which of them had a name then: read back out of the change log of all
// tags, because a name alone doesn't lead there. It may have been another tag's.
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "base/result.h"
#include "ems/registry/model.h"
#include "posture/engine.h"

namespace postern::ems {

class Store;

/// Thread: one.
class PastTags {
 public:
  using Definition = std::shared_ptr<const posture::TagDefinition>;

  /// REQUIRES: `now` is what the store has. `store` outlives it.
  PastTags(const Store& store, const posture::TagEngine& now, WallTime then);

  /// Reads one page more. True: the tags are as they were. Errors: kNotFound (too many changes lie between), those of the store.
  Result<bool> step();

  /// As far as it was read back. 0: nobody was called so.
  posture::TagId called(std::string_view name) const;
  /// Null: it was not there.
  Definition find(posture::TagId id) const;

 private:
  void put(posture::TagId id, Definition definition);   ///< Null: it goes.

  const Store& store_;
  WallTime then_;
  std::map<posture::TagId, Definition> tags_;
  /// Of tags_, whose texts they are. Where changes were stored together, two may be called alike in between.
  std::set<std::pair<std::string_view, posture::TagId>> names_;
  Revision before_ = 0;
  std::size_t read_ = 0;
};

}  // namespace postern::ems
