#pragma once
// Files and directories on which what somebody reads rests, and who reads each: tells who is to read again. By inotify;
// where the kernel tells nothing of a place, or not of all of them, it is looked at each second.
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "agent/watch/path_watch.h"
#include "net/loop.h"

namespace postern::agent {

/// Thread: loop.
class PlaceWatch {
 public:
  /// `changed` gets a reader's name, never inside watch(), and may not call watch() or forget() itself. Without inotify
  /// everything is looked at.
  PlaceWatch(net::Loop& loop, std::function<void(const std::string& reader)> changed);
  PlaceWatch(const PlaceWatch&) = delete;
  PlaceWatch& operator=(const PlaceWatch&) = delete;

  /// The reader rests on exactly these from now on, and reads them after this: what changes then is told.
  void watch(const std::string& reader, const std::set<std::string>& places);
  void forget(const std::string& reader);
  /// Looks again at every place that inotify watches: what is mounted changes what a path leads to without an event.
  void recheck();

  struct Reader {
    std::vector<std::string> places;  ///< Ascending.
    bool blind = false;               ///< One of them lies where the kernel sends no events.
  };
  /// What it rests on; nothing for one that nobody told of.
  Reader reader(const std::string& name) const;
  /// Inotify covers all places but the blind ones.
  bool complete() const { return files_ && files_->complete(); }
  /// Why places are looked at, for a person. `blind`: one of those that are meant.
  std::string why_looked_at(bool blind) const;

 private:
  struct Watched : Reader {
    std::string stamp;  // of when they were to be read, where they are looked at
  };

  void release(const std::string& reader, const std::string& place);
  void plan();
  void look();

  net::Loop& loop_;
  std::function<void(const std::string&)> changed_;
  std::unique_ptr<PathWatch> files_;
  std::string why_no_inotify_;
  std::map<std::string, Watched> readers_;
  std::map<std::string, std::set<std::string>> places_;  // and the readers of each
  net::Handle timer_;
};

}  // namespace postern::agent
