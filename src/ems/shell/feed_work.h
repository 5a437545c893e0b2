#pragma once
// What a worker does for the feeds in one go.
#include <filesystem>
#include <memory>
#include <vector>

#include "ems/feeds/store.h"
#include "ems/shell/feed_service.h"
#include "ems/tagging/vuln_matching.h"

namespace postern::ems {

/// Takes new contents, then makes the matching anew if any is another one. Thread: one, beside the loop.
struct FeedService::Work {
  struct Take {
    Feed feed;
    bool downloaded = false;
    std::filesystem::path source;
    Result<TakenFeed> result = fail(ErrorCode::kInternal, "");
  };
  std::filesystem::path directory;
  std::vector<Take> takes;
  std::vector<Feed> feeds;  ///< All there are, as far as they are known.
  bool load = false;
  bool started = false;  ///< Just now: somebody may have been killed while a copy was replaced.
  WallTime at{};
  std::shared_ptr<const Matching> in_force;
  LoadedFeeds loaded;

  void run();
};

}  // namespace postern::ems
