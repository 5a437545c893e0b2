#pragma once
// Feeds on this machine's disk: each is kept as it was when it was last read whole, so that neither a broken download nor
// a restart without a network takes anything away.
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace postern::ems {

inline constexpr std::uint64_t kMaxFeedFile = 1u << 30;

/// Where the copy of the feed of this name is kept.
std::filesystem::path feed_file(const std::filesystem::path& directory, std::string_view name);
/// Where its download is gathered.
std::filesystem::path feed_part_file(const std::filesystem::path& directory, std::string_view name);

struct TakenFeed {
  bool changed = false;      ///< It is another content than before.
  std::uint64_t bytes = 0;
  std::string sha256 = {};   ///< Of the copy: copy_digest.
};

/// Makes `source` the copy `target`, durably, if it reads as a feed: else `target` stays as it is. What is the same
/// already is not read again. `kind`: of what was read before (vuln::feed_kind_name), so that another list's file does
/// not silently take its place; empty: any. `ours`: the source is a download beside the target, and goes. `sha256`: of
/// what was read before, so that a copy that is another one is replaced; empty: it is not known. However large it is,
/// memory holds what it says and no copy of it. What was replaced stays beside it (replace_copy). Errors: those of
/// reading and writing files and of vuln::FeedReader, kResourceExhausted (larger than kMaxFeedFile), kConflict (another
/// kind). Takes seconds: for a worker.
Result<TakenFeed> take_feed(std::string_view name, const std::filesystem::path& source,
                            const std::filesystem::path& target, std::string_view kind = {}, bool ours = false,
                            std::string_view sha256 = {});

/// The files that a --feed names, whole paths in order.
struct GivenFeeds {
  std::vector<std::string> files;   ///< Itself, or those in it that don't begin with a dot.
  std::vector<std::string> passed;  ///< What else is in it and doesn't begin with a dot: links, directories, pipes.
};
/// Error: the directory can't be read.
Result<GivenFeeds> feeds_given(const std::filesystem::path& path);

/// Removes copies and downloads that belong to none of these feeds.
void drop_other_feed_files(const std::filesystem::path& directory, const std::vector<std::string>& names);

}  // namespace postern::ems
