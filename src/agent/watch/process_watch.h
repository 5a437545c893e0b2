#pragma once
// Whether processes of given names, or of programs of given paths, run. Ends come by pidfd; starts by fanotify where that
// is permitted, else they are found by a look at /proc each second. That a running program's file was moved away is told
// by inotify. Of a name that runs, up to 16 processes are asked every 30 seconds whether they still go by it.
#include <sys/types.h>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "agent/watch/exec_watch.h"
#include "agent/watch/path_watch.h"
#include "net/loop.h"

namespace postern::agent {

/// Thread: loop.
class ProcessWatch {
 public:
  using Changed = std::function<void(const std::string& name, bool running)>;

  /// `events` false: does without fanotify even where it is permitted.
  ProcessWatch(net::Loop& loop, Changed changed, bool events = true);
  ~ProcessWatch();
  ProcessWatch(const ProcessWatch&) = delete;
  ProcessWatch& operator=(const ProcessWatch&) = delete;

  /// Watches exactly these from now on. `changed` is called for each new one before this returns, and later on each
  /// change.
  void set_names(std::set<std::string> names);
  bool running(const std::string& name) const;
  /// Looks whether the processes of each name still go by it; does so every 30 seconds unasked.
  void recheck();

  bool starts_by_event() const { return exec_ != nullptr; }
  const std::string& why_no_events() const { return why_; }

 private:
  struct Held {
    int fd;
    net::Handle handle;
  };
  struct Name {
    std::map<pid_t, Held> held;
    std::string program;  // base name of what is started, as of the last look
    bool running = false;
    bool told = false;
  };

  void look();
  void look_soon();
  void moved(const std::string& name);
  void ended(const std::string& name, pid_t pid);
  void check(const std::string& name);
  static void release(Name& entry, pid_t pid);
  void look_for_others();
  bool hold(const std::string& name, Name& entry, pid_t pid);
  void started(pid_t pid, const std::string& program);
  void await_name(pid_t pid, const std::string& name, int attempt);
  void tell(const std::string& name, Name& entry);
  void adjust();

  net::Loop& loop_;
  Changed changed_;
  std::map<std::string, Name> names_;
  std::unique_ptr<PathWatch> paths_;  // null: without inotify it is seen with the next check
  std::unique_ptr<ExecWatch> exec_;
  std::string why_;
  net::Handle scan_, again_;
  int in_a_row_ = 0;  // looks that found processes which had ended when they were to be held
  bool scanning_ = false;
  net::Handle check_;
  std::map<std::uint64_t, net::Handle> awaiting_;
  std::uint64_t next_wait_ = 0;
};

}  // namespace postern::agent
