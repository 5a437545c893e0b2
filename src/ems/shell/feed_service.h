#pragma once
// Keeps the vulnerability feeds: looks at their sources when it is time, fetches and reads them, and tells the core what
// became of them. What was read last stays in force until something else was read whole, over restarts too.
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "ems/core/ems_core.h"
#include "ems/feeds/source.h"
#include "net/download.h"
#include "net/loop.h"

namespace postern::ems {

struct FeedServiceOptions {
  std::filesystem::path directory;            ///< For copies; made when it isn't there.
  std::vector<std::filesystem::path> given;   ///< Files and directories of the command line.
  std::string roots_pem;                      ///< Whom to trust over https; empty: what this machine trusts.
  net::DownloadLimits limits{1ull << 30, std::chrono::milliseconds(60'000), std::chrono::milliseconds(3'600'000)};
  std::chrono::milliseconds connect_timeout{30'000};
  /// A source that after so long has sent less than this per second on average is given up: another look later may find
  /// it well, and meanwhile nobody is told that anything is wrong.
  Seconds pace_after{120};
  std::uint64_t least_pace = 1024;
  /// Called after each change of the core, which has to be flushed then.
  std::function<void()> after_event;
};

/// Thread: loop, and its workers.
class FeedService {
 public:
  /// All outlive it. `core` has been started.
  FeedService(net::Loop& loop, EmsCore& core, const Clock& clock, Random& random, FeedServiceOptions options);
  ~FeedService();
  FeedService(const FeedService&) = delete;
  FeedService& operator=(const FeedService&) = delete;

  /// Reads what is on disk, and from then on looks at sources when their time has come.
  void start();
  /// Every second or so.
  void tick();
  /// Looks at the source of this feed now, also of one given on the command line; empty: of all.
  void refresh(const std::string& name);
  /// The core's feeds were added, changed or removed.
  void changed();
  /// Something is being fetched or read.
  bool busy() const;

 private:
  struct Fetch;
  struct Work;
  /// What is known of a source beside the core's row.
  struct Source {
    std::string origin;               ///< The URL or path that the times below are about.
    unsigned failures = 0;            ///< In a row.
    WallTime next_check{};
    bool taking = false;              ///< Waits for a worker or is with one.
    std::unique_ptr<Fetch> fetch;
  };

  Now now() const { return clock_.now(); }
  void expand_given();
  void sync();
  void show(const std::string& name);
  void begin(const std::string& name);
  void begin_fetch(const Feed& feed);
  bool too_slow(const Fetch& fetch) const;
  void request(const std::string& name, FeedUrl url);
  void answered(const std::string& name, Result<net::Downloaded> result);
  void succeeded(Feed feed);
  void failed(const std::string& name, const Error& error);
  void take(const std::string& name, bool downloaded);
  void work();
  void finished(Work& work);
  void drop_replaced();
  Feed known(const std::string& name) const;

  net::Loop& loop_;
  EmsCore& core_;
  const Clock& clock_;
  Random& random_;
  FeedServiceOptions options_;
  std::map<std::string, Source> sources_;        ///< By feed's name.
  std::map<std::string, Feed> given_;            ///< Of the command line.
  std::map<std::string, std::string> unlisted_;  ///< Directories of the command line that can't be read, and why.
  std::shared_ptr<const Matching> matching_;     ///< In force.
  std::map<std::string, bool> takes_;            ///< Waiting for a worker; true: its download.
  std::set<std::string> replaced_;               ///< Whose copies others took the place of.
  std::set<std::string> passed_;                 ///< In directories of the command line, and no file: told of.
  bool load_ = false;                            ///< What is in force has to be made anew.
  bool recovered_ = false;                       ///< What a kill left half replaced was seen to.
  bool busy_ = false;
  bool loading_ = false;                         ///< What is in force is being made anew.
};

}  // namespace postern::ems
