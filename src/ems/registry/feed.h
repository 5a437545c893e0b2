#pragma once
// A vulnerability feed: where it comes from, and what became of it.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace postern::ems {

inline constexpr Seconds kFeedInterval{6 * 3600};

enum class FeedState : std::uint8_t {
  kIdle,      ///< What was read last is in force, or nothing was yet.
  kFetching,  ///< On its way here.
  kReading,   ///< Being read.
  kFailed,    ///< The last attempt failed; what was read before stays in force.
};
std::string_view feed_state_name(FeedState state);  ///< "idle", "fetching", "reading", "failed".

struct Feed {
  std::string name = {};             ///< Of one given on the command line: its file's whole path.
  // Of what was read last and is in force.
  std::string kind = {};             ///< vuln::feed_kind_name; empty: nothing was read yet.
  std::uint64_t records = 0;
  std::string data_date = {};        ///< As the feed says; empty when it doesn't.
  WallTime loaded_at{};              ///< When this content was first read; 0: nothing is in force.
  // Of the last attempt.
  std::string error = {};            ///< Why it failed; empty: it did not.

  // Where it comes from: a URL, a file of this machine, or the command line (a file too).
  std::string url = {};
  std::string path = {};
  bool given = false;                ///< On the command line: the API can't change it.
  Seconds interval = kFeedInterval;  ///< Between two looks at the source; 5 minutes .. 7 days.

  std::uint64_t advisories = 0;      ///< Rows (distribution, source, vulnerability).
  std::uint64_t marks = 0;           ///< Vulnerabilities that it says are exploited, or gives a probability.
  std::uint64_t not_affected = 0;    ///< Rows that say a source is not affected.
  std::uint64_t undetermined = 0;
  std::uint64_t withdrawn = 0;
  std::uint64_t foreign = 0;         ///< Rows of distributions that can't be judged here.
  std::uint64_t cvss4 = 0;           ///< CVSS v4 vectors, which give no severity here.
  std::uint64_t left_out = 0;        ///< Records that can't be understood.
  std::string left_out_example = {};
  std::uint64_t bytes = 0;           ///< Of its file, as packed.
  std::string sha256 = {};           ///< Of its copy (copy_digest); empty: a version wrote this that kept none.
  WallTime checked_at{};             ///< When the source last answered and was found to be what is in force.
  WallTime failed_at{};              ///< When `error` happened.
  std::string etag = {}, last_modified = {};  ///< What the server called the content that is in force.

  // In memory only.
  FeedState state = FeedState::kIdle;
  WallTime next_check{};             ///< 0: only when asked to.
  std::uint64_t fetched = 0;         ///< Bytes that have come, while it is being fetched.

  /// What became of it, under another's name, source and interval.
  Feed described_as(const Feed& of) const {
    Feed out = *this;
    out.name = of.name;
    out.url = of.url;
    out.path = of.path;
    out.given = of.given;
    out.interval = of.interval;
    return out;
  }
  bool in_use() const { return loaded_at != WallTime(); }
  bool busy() const { return state == FeedState::kFetching || state == FeedState::kReading; }
  friend bool operator==(const Feed&, const Feed&) = default;
};

}  // namespace postern::ems
