#include "agent/watch/exec_watch.h"

#include <fcntl.h>
#include <sys/fanotify.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>

#include "base/file.h"
#include "base/text.h"

namespace postern::agent {
namespace {

/// Mount points whose file systems programs can be on. "36 35 98:0 / /mnt rw - ext4 …": the fifth field is the place,
/// the one behind the lone dash the kind.
std::set<std::string> places_of_programs() {
  static const std::set<std::string_view> kOthers = {"proc",        "sysfs",   "cgroup",     "cgroup2",    "devpts",
                                                     "mqueue",      "debugfs", "tracefs",    "securityfs", "pstore",
                                                     "efivarfs",    "bpf",     "configfs",   "fusectl",    "autofs",
                                                     "binfmt_misc", "nsfs",    "rpc_pipefs", "selinuxfs"};
  std::set<std::string> out;
  const auto text = read_file("/proc/self/mountinfo", 8u << 20);
  if (!text) return out;
  for (const auto line : split(*text, '\n')) {
    const auto dash = line.find(" - ");
    const auto fields = split(line, ' ');
    if (dash == line.npos || fields.size() < 6) continue;
    const auto kind = split(line.substr(dash + 3), ' ').front();
    if (!kOthers.contains(kind) && fields[4].find('\\') == fields[4].npos) out.emplace(fields[4]);
  }
  return out;
}

}  // namespace

Result<std::unique_ptr<ExecWatch>> ExecWatch::open(net::Loop& loop, Started started) {
  const int fd = ::fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK, O_RDONLY | O_CLOEXEC | O_LARGEFILE);
  if (fd < 0) {
    const int error = errno;
    if (error == ENOSYS || error == EINVAL)
      return fail(ErrorCode::kUnsupported, "this kernel has no fanotify for programs");
    return fail(errno_error(error, "opening", "fanotify"));
  }
  std::unique_ptr<ExecWatch> watch(new ExecWatch(loop, fd, std::move(started)));
  if (auto ok = watch->arm(); !ok) return fail(ok.error());
  watch->disarm();
  return watch;
}

ExecWatch::ExecWatch(net::Loop& loop, int fd, Started started) : fd_(fd), started_(std::move(started)) {
  handle_ = loop.watch_readable(fd, [this] { read(); });
}

ExecWatch::~ExecWatch() {
  handle_.cancel();
  ::close(fd_);
}

Status ExecWatch::arm() {
  int error = ENOENT;
  for (const auto& place : places_of_programs()) {
    if (marked_.contains(place)) continue;
    if (::fanotify_mark(fd_, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, FAN_OPEN_EXEC, AT_FDCWD, place.c_str()) == 0) {
      marked_.insert(place);
    } else {
      error = errno;
    }
  }
  if (!marked_.contains("/")) {
    disarm();
    if (error == EINVAL) return fail(ErrorCode::kUnsupported, "this kernel does not tell of starting programs");
    return fail(errno_error(error, "listening for programs on", "/"));
  }
  armed_ = true;
  return {};
}

void ExecWatch::disarm() {
  if (!marked_.empty()) ::fanotify_mark(fd_, FAN_MARK_FLUSH | FAN_MARK_FILESYSTEM, 0, AT_FDCWD, nullptr);
  marked_.clear();
  armed_ = false;
}

void ExecWatch::read() {
  alignas(fanotify_event_metadata) char buffer[8192];
  for (;;) {
    auto n = ::read(fd_, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    for (const char* at = buffer; n >= static_cast<ssize_t>(sizeof(fanotify_event_metadata));) {
      fanotify_event_metadata event;
      std::memcpy(&event, at, sizeof event);
      if (event.event_len < sizeof event || event.event_len > static_cast<std::uint32_t>(n)) break;
      at += event.event_len;
      n -= event.event_len;
      if (event.fd < 0) {
        // The queue ran over: who started is not known. Process 0 stands for "look yourself".
        if ((event.mask & FAN_Q_OVERFLOW) != 0) started_(0, "");
        continue;
      }
      char path[PATH_MAX];
      const auto length = ::readlink(("/proc/self/fd/" + std::to_string(event.fd)).c_str(), path, sizeof path);
      ::close(event.fd);
      if (length <= 0) continue;
      const std::string_view program(path, static_cast<std::size_t>(length));
      started_(event.pid, std::string(program.substr(program.rfind('/') + 1)));
    }
  }
}

}  // namespace postern::agent
