#include "agent/watch/poll_watch.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>

#include "base/file.h"

namespace postern::agent {

Result<std::unique_ptr<PollWatch>> PollWatch::open(net::Loop& loop, const std::string& path,
                                                   std::function<void()> changed) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return fail(errno_error(errno, "opening", path));
  const int set = ::epoll_create1(EPOLL_CLOEXEC);
  epoll_event event{};
  event.events = EPOLLPRI;
  if (set < 0 || ::epoll_ctl(set, EPOLL_CTL_ADD, file, &event) != 0) {
    const int error = errno;
    if (set >= 0) ::close(set);
    ::close(file);
    if (error == EPERM) return fail(ErrorCode::kUnsupported, "the kernel does not tell when " + path + " changes");
    return fail(errno_error(error, "watching", path));
  }
  return std::unique_ptr<PollWatch>(new PollWatch(loop, file, set, std::move(changed)));
}

PollWatch::PollWatch(net::Loop& loop, int file, int set, std::function<void()> changed) : file_(file), set_(set) {
  handle_ = loop.watch_readable(set, [set, changed = std::move(changed)] {
    // A look takes the news, and the loop has looked already: that it woke us is all there is to know.
    epoll_event event;
    while (::epoll_wait(set, &event, 1, 0) == 1) {
    }
    changed();
  });
}

PollWatch::~PollWatch() {
  handle_.cancel();
  ::close(set_);
  ::close(file_);
}

}  // namespace postern::agent
