#pragma once
// Answers what rules ask for beside the endpoint record (collectors/asked.h), and answers again when the kernel tells of
// a change, or in the family's interval. Reading is done beside the loop.
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "agent/collectors/asked.h"
#include "agent/watch/path_watch.h"
#include "base/clock.h"
#include "net/loop.h"

namespace postern::agent {

struct Source;

/// Thread: loop.
class Asking {
 public:
  struct Sink {
    std::function<void(const posture::FactMap& facts)> answers;
    std::function<void()> processes_changed;  ///< See processes().
    std::function<void()> turn_over;          ///< After each bunch of answers.
  };
  /// `clock` outlives it.
  Asking(net::Loop& loop, const Clock& clock, std::filesystem::path root, Sink sink);
  ~Asking();
  Asking(const Asking&) = delete;
  Asking& operator=(const Asking&) = delete;

  /// Answers exactly these from now on. What nobody can answer is said before this returns.
  void ask(const std::set<std::string>& keys);
  /// Answers everything again; `done` when all of it was told.
  void recheck(std::function<void()> done);

  /// Names of processes whose starts and ends are to be told to `process_changed`.
  std::set<std::string> processes() const;
  void process_changed(const std::string& name);
  void mounts_changed();
  void network_changed();
  void ruleset_changed();

  /// Something is asked that has had no answer yet.
  bool unanswered() const;
  /// One for each family that is asked. `mounts`, `network`, `ruleset`, `processes`: the kernel tells of those.
  struct Told {
    bool mounts = false, network = false, ruleset = false, processes = false;
  };
  std::vector<Source> list(const Told& told) const;

 private:
  struct Family;

  void change(Family& family, Question question);
  void watch(Family& family);
  void unwatch(Family& family);
  void event(const std::string& name);
  void start(Family& family, bool at_once = false);
  void run(Family& family);
  void answered(const std::string& name, const Question& question, const posture::FactMap& facts);
  void tell_done();
  void plan_scan();
  void scan();
  template <class Wanted>
  void again_where(Wanted wanted);

  net::Loop& loop_;
  const Clock& clock_;
  std::filesystem::path root_;
  Sink sink_;
  std::unique_ptr<PathWatch> files_;
  std::string why_no_inotify_;
  std::map<std::string, std::set<std::string>> paths_;  // watched, and the families that read each
  std::map<std::string, std::unique_ptr<Family>> families_;  // those of which something is asked
  std::vector<std::string> waiting_;  // slow families, for the one at work
  bool slow_running_ = false;
  std::vector<std::function<void()>> done_;
  net::Handle scan_timer_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace postern::agent
