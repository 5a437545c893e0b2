#pragma once
// A thread that does one piece of work after another beside the loop. What hangs in one lane holds up nothing in another.
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "net/loop.h"

namespace postern::agent {

/// Thread: loop.
class Lane {
 public:
  /// `loop` outlives it.
  explicit Lane(net::Loop& loop) : loop_(loop) {}
  /// Waits for the end of what is being done; its `done` may still be called.
  ~Lane();
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  /// `work` on the lane's thread, then `done` on the loop's. REQUIRES: !busy().
  void run(std::function<void()> work, std::function<void()> done);
  /// Until `done` is about to be called.
  bool busy() const { return busy_; }

 private:
  void serve();

  net::Loop& loop_;
  bool busy_ = false;
  std::thread thread_;  // from the first work on
  std::mutex mutex_;
  std::condition_variable wake_;
  std::function<void()> work_, done_;  // under mutex_
  bool over_ = false;                  // likewise
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // loop's thread only
};

}  // namespace postern::agent
