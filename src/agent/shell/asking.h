#pragma once
// Answers what rules ask for beside the endpoint record (collectors/asked.h), and answers again when the kernel tells of
// a change, or in the family's interval. Reading is done beside the loop, in three lanes: what costs little, what costs
// much, and what waits for others. What should have been read and was not is told as unknown until it has been: an EMS takes
// silence for "nothing changed".
#include <array>
#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "agent/collectors/asked.h"
#include "agent/collectors/asked/files.h"
#include "agent/shell/allowance.h"
#include "agent/shell/lane.h"
#include "agent/shell/place_watch.h"
#include "base/clock.h"
#include "net/loop.h"

namespace postern::agent {

struct Source;

/// How long after a change, or after its turn, a value is still told as it was; of families that wait for others, which one
/// after another may take some seconds to give up, kSlowLate. Then it is unknown, stale.
inline constexpr Seconds kLate{5};
inline constexpr Seconds kSlowLate{15};
/// What may cost more is read in a lane of its own.
inline constexpr std::chrono::milliseconds kMuch{20};

/// Thread: loop.
class Asking {
 public:
  struct Sink {
    std::function<void(const posture::FactMap& facts)> answers;
    std::function<void()> processes_changed;  ///< See processes().
    std::function<void()> turn_over;          ///< After each bunch of answers.
  };
  using Finder = const AskedFamily* (*)(std::string_view key);
  /// `clock` outlives it. `finder` says who answers a key, `processor` what a thread has used of one (any thread).
  Asking(net::Loop& loop, const Clock& clock, std::filesystem::path root, Sink sink, Finder finder = family_of,
         ProcessorTime processor = processor_time);
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
  /// Tells as unknown what is late by now; each second while anything is to be read.
  void look_for_late();
  /// One for each family that is asked. `mounts`, `network`, `ruleset`, `processes`: the kernel tells of those.
  struct Told {
    bool mounts = false, network = false, ruleset = false, processes = false;
  };
  std::vector<Source> list(const Told& told) const;

 private:
  struct Family;
  enum Where : std::size_t { kQuick, kCostly, kSlow };

  void change(Family& family, Question question);
  void watch(Family& family);
  void unwatch(Family& family);
  void event(const std::string& name);
  void start(Family& family, bool at_once = false);
  void queue(Family& family, bool at_once);
  Where where(const Family& family) const;
  void next(Where where);
  void due(Family& family);
  void run(Family& family, Where where);
  void spent(const std::string& name, Where lane, std::chrono::nanoseconds cost);
  void answered(const std::string& name, const Question& question, const posture::FactMap& facts);
  void tell_done();
  template <class Wanted>
  void again_where(Wanted wanted);

  net::Loop& loop_;
  const Clock& clock_;
  std::filesystem::path root_;
  Sink sink_;
  /// Those of which something is asked, by name; where keys are read apart, each of these by the key.
  std::map<std::string, std::unique_ptr<Family>> families_;
  Finder finder_;
  ProcessorTime processor_;
  PlaceWatch places_;  // of what families read, by their names
  std::array<std::vector<std::string>, 3> waiting_;  // for the lane to be free, in the order in which they came
  Allowance much_;                                   // of the costly lane
  net::Handle much_rest_, late_timer_;
  std::vector<std::function<void()>> done_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::array<Lane, 3> lanes_;  // last: what they do ends first
};

}  // namespace postern::agent
