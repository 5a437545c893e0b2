#include "net/loop.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <exception>

#include "base/log.h"
#include "net/detail/state.h"

namespace postern::net {

namespace asio = boost::asio;
using boost::system::error_code;

namespace detail {
namespace {
struct FunctionCancel final : Handle::Cancel {
  explicit FunctionCancel(std::function<void()> f) : function(std::move(f)) {}
  void cancel() override {
    if (function) std::exchange(function, nullptr)();
  }
  std::function<void()> function;
};
}  // namespace

Handle make_handle(std::function<void()> cancel) {
  return Handle(std::make_shared<FunctionCancel>(std::move(cancel)));
}
}  // namespace detail

namespace {

struct Timer : std::enable_shared_from_this<Timer> {
  Timer(asio::io_context& io, std::chrono::nanoseconds p, bool r, std::function<void()> f)
      : timer(io), period(p), repeat(r), callback(std::move(f)) {}
  void arm(std::chrono::steady_clock::time_point at) {
    timer.expires_at(at);
    timer.async_wait([self = shared_from_this(), at](error_code ec) {
      if (ec || self->cancelled) return;
      if (self->repeat) {
        // From the planned instant, so that it does not drift; missed periods are not made up for.
        const auto now = std::chrono::steady_clock::now();
        const auto step = std::chrono::duration_cast<std::chrono::steady_clock::duration>(self->period);
        self->arm(at + step < now ? now + step : at + step);
      }
      const auto call = self->callback;  // the callback may cancel us
      call();
    });
  }
  asio::steady_timer timer;
  std::chrono::nanoseconds period;
  bool repeat;
  bool cancelled = false;
  std::function<void()> callback;
};

Handle start_timer(asio::io_context& io, std::chrono::nanoseconds delay, bool repeat, std::function<void()> callback) {
  auto timer = std::make_shared<Timer>(io, delay, repeat, std::move(callback));
  timer->arm(std::chrono::steady_clock::now() +
             std::chrono::duration_cast<std::chrono::steady_clock::duration>(std::max(delay, std::chrono::nanoseconds(0))));
  return detail::make_handle([timer] {
    timer->cancelled = true;
    timer->timer.cancel();
    if (!timer->repeat) timer->callback = nullptr;
  });
}

struct FdWatch : std::enable_shared_from_this<FdWatch> {
  FdWatch(asio::io_context& io, int fd, std::function<void()> f) : descriptor(io, fd), callback(std::move(f)) {}
  void arm() {
    descriptor.async_wait(asio::posix::stream_descriptor::wait_read, [self = shared_from_this()](error_code ec) {
      if (ec || self->cancelled) return;
      const auto call = self->callback;
      call();
      if (!self->cancelled) self->arm();
    });
  }
  void stop() {
    cancelled = true;
    error_code ignored;
    descriptor.cancel(ignored);
    descriptor.release();  // the caller owns the file descriptor
  }
  asio::posix::stream_descriptor descriptor;
  bool cancelled = false;
  std::function<void()> callback;
};

struct SignalWatch : std::enable_shared_from_this<SignalWatch> {
  SignalWatch(asio::io_context& io, std::function<void(int)> f) : set(io), callback(std::move(f)) {}
  void arm() {
    set.async_wait([self = shared_from_this()](error_code ec, int signal) {
      if (ec || self->cancelled) return;
      const auto call = self->callback;
      call(signal);
      if (!self->cancelled) self->arm();
    });
  }
  asio::signal_set set;
  bool cancelled = false;
  std::function<void(int)> callback;
};

}  // namespace

Loop::Loop() : state_(std::make_unique<detail::LoopState>()) {
  // A peer that hangs up must be an error of that connection, not the end of the process.
  std::signal(SIGPIPE, SIG_IGN);
}

Loop::~Loop() {
  if (state_->workers) state_->workers->join();
}

void Loop::run() {
  state_->io.run();
  state_->io.restart();  // after, so that a stop that came before `run` holds
}
void Loop::stop() { state_->io.stop(); }
void Loop::post(std::function<void()> work) { asio::post(state_->io, std::move(work)); }

void Loop::defer(std::function<void()> work) {
  state_->deferred.push_back(std::move(work));
  if (std::exchange(state_->flush_posted, true)) return;
  // Twice through the queue: what was ready when the first of the batch came has been handled by then.
  asio::post(state_->io, [this] {
    asio::post(state_->io, [this] {
      state_->flush_posted = false;
      for (auto& work : std::exchange(state_->deferred, {})) work();
    });
  });
}

void Loop::offload(std::function<void()> blocking, std::function<void()> done) {
  if (!state_->workers) state_->workers = std::make_unique<asio::thread_pool>(2);
  asio::post(*state_->workers, [this, blocking = std::move(blocking), done = std::move(done)]() mutable {
    try {
      blocking();
    } catch (const std::exception& e) {
      log_error("loop.work_failed", "a piece of work ended by an error of this program; please report it",
                {{"error", e.what()}});
    } catch (...) {
      log_error("loop.work_failed", "a piece of work ended by an error of this program; please report it");
    }
    asio::post(state_->io, std::move(done));
  });
}

Handle Loop::after(std::chrono::nanoseconds delay, std::function<void()> callback) {
  return start_timer(state_->io, delay, false, std::move(callback));
}

Handle Loop::every(std::chrono::nanoseconds period, std::function<void()> callback) {
  return start_timer(state_->io, period, true, std::move(callback));
}

Handle Loop::watch_readable(int fd, std::function<void()> callback) {
  auto watch = std::make_shared<FdWatch>(state_->io, fd, std::move(callback));
  watch->arm();
  return detail::make_handle([watch] { watch->stop(); });
}

Handle Loop::on_signal(std::initializer_list<int> signals, std::function<void(int)> callback) {
  auto watch = std::make_shared<SignalWatch>(state_->io, std::move(callback));
  for (const int signal : signals) watch->set.add(signal);
  watch->arm();
  return detail::make_handle([watch] {
    watch->cancelled = true;
    error_code ignored;
    watch->set.cancel(ignored);
  });
}

}  // namespace postern::net
