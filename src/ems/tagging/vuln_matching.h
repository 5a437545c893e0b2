#pragma once
// src/vuln behind the core's interface.
#include <filesystem>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "ems/registry/model.h"
#include "ems/tagging/matching.h"

namespace postern::ems {

struct LoadedFeeds {
  std::shared_ptr<const Matching> matching;   ///< Null: no feed could be read.
  std::vector<Feed> feeds;                    ///< As many as files, with the error of those that could not be read.
};

/// Reads feeds whole; a file that can't be read leaves the others in force. Takes seconds for large feeds: run it on a
/// worker. Thread: any.
LoadedFeeds load_matching(const std::vector<std::filesystem::path>& files, WallTime now);

}  // namespace postern::ems
