#pragma once
// The event loop of a program: one thread runs it, everything that the program's core does happens on that thread.
#include <chrono>
#include <functional>
#include <initializer_list>
#include <memory>
#include <utility>

namespace postern::net {

namespace detail {
struct LoopState;
}

/// Owns a pending timer or watch; destroying or `cancel`ling it means the callback is not called any more.
class Handle {
 public:
  struct Cancel {
    virtual ~Cancel() = default;
    virtual void cancel() = 0;
  };
  Handle() = default;
  explicit Handle(std::shared_ptr<Cancel> what) : what_(std::move(what)) {}
  Handle(Handle&&) = default;
  Handle& operator=(Handle&& other) noexcept {
    cancel();
    what_ = std::move(other.what_);
    return *this;
  }
  ~Handle() { cancel(); }
  void cancel() {
    if (what_) std::exchange(what_, nullptr)->cancel();
  }
  explicit operator bool() const { return what_ != nullptr; }

 private:
  std::shared_ptr<Cancel> what_;
};

class Loop {
 public:
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// Runs until `stop`; can be run again. A `stop` before it makes it return at once. Thread: one.
  void run();
  /// Thread: any.
  void stop();
  /// Runs `work` on the loop's thread, soon, never inside this call. Thread: any.
  void post(std::function<void()> work);
  /// Like `post`, but after everything that is ready now has been handled: where batches are committed. Thread: loop.
  void defer(std::function<void()> work);
  /// Runs `blocking` on a worker thread, then `done` on the loop: for password hashing and the like. What
  /// `blocking` throws is logged and ends only it: `done` runs all the same, and finds whatever was there before. Thread:
  /// loop.
  void offload(std::function<void()> blocking, std::function<void()> done);

  /// Once, after `delay`. Thread: loop.
  [[nodiscard]] Handle after(std::chrono::nanoseconds delay, std::function<void()> callback);
  /// Again and again, `period` apart, first after one period. Thread: loop.
  [[nodiscard]] Handle every(std::chrono::nanoseconds period, std::function<void()> callback);
  /// Whenever `fd` is readable (level-triggered: read until EAGAIN or be called again). The caller keeps ownership of
  /// `fd` and closes it after the handle is gone. Thread: loop.
  [[nodiscard]] Handle watch_readable(int fd, std::function<void()> callback);
  /// SIGTERM, SIGINT, ... delivered as an ordinary callback with the signal's number. Thread: loop.
  [[nodiscard]] Handle on_signal(std::initializer_list<int> signals, std::function<void(int)> callback);

  detail::LoopState& state() { return *state_; }  ///< For src/net only.

 private:
  std::unique_ptr<detail::LoopState> state_;
};

}  // namespace postern::net
