#include "agent/shell/lane.h"

#include <utility>

namespace postern::agent {

Lane::~Lane() {
  *alive_ = false;
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Lane::run(std::function<void()> work, std::function<void()> done) {
  busy_ = true;
  {
    const std::lock_guard lock(mutex_);
    work_ = std::move(work);
    done_ = [this, alive = alive_, done = std::move(done)] {
      if (*alive) busy_ = false;
      done();
    };
  }
  if (!thread_.joinable()) thread_ = std::thread([this] { serve(); });
  wake_.notify_one();
}

void Lane::serve() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return over_ || work_; });
    if (!work_) return;
    auto work = std::exchange(work_, nullptr);
    auto done = std::exchange(done_, nullptr);
    lock.unlock();
    work();
    loop_.post(std::move(done));
    lock.lock();
  }
}

}  // namespace postern::agent
