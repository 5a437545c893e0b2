#pragma once
// src/vuln behind the core's interface.
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "ems/registry/model.h"
#include "ems/tagging/matching.h"

namespace postern::ems {

struct FeedFile {
  Feed feed;                     ///< As it is known so far.
  std::filesystem::path file;    ///< To be read.
};

struct LoadedFeeds {
  std::shared_ptr<const Matching> matching;   ///< Null: no feed could be read.
  std::vector<Feed> feeds;                    ///< As many as files, with what was found in them or why they can't be read.
  std::set<std::string> damaged;              ///< Names of those that can't be read.
};

/// Reads feeds whole. A record that can't be understood is left out, counted and logged. A file that is not what its
/// row remembers (Feed::sha256) is damaged, also where it reads as a feed: it may have been cut at a line's end. While
/// a file can't be read, `in_force` (what an earlier call gave) stays, whole: damage must not make anybody look mended;
/// without it the other files are taken. Takes seconds for large feeds: run it on a worker. Thread: any.
LoadedFeeds load_matching(const std::vector<FeedFile>& files, WallTime now,
                          std::shared_ptr<const Matching> in_force = nullptr);

}  // namespace postern::ems
