#include "gateway/forward/forwarder_place.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "base/file.h"
#include "base/text.h"

namespace postern::gateway {
namespace {

constexpr std::size_t kMaxRecord = 64;

std::filesystem::path record_path(const std::filesystem::path& folder) { return folder / "forwarder.pid"; }

Error not_trusted(const std::filesystem::path& path, const char* why) {
  return {ErrorCode::kPermissionDenied, path.string() + " " + why + "; remove it, and the gateway makes it anew"};
}

/// Who listens there, as the kernel says. kResourceExhausted: somebody, and so many wait that the kernel takes no more.
Result<ucred> listener_of(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.native().size() >= sizeof address.sun_path) return fail(ErrorCode::kInvalidArgument, path.string() + " is too long for a socket");
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return fail(errno_error(errno, "connecting to", path));
  ucred peer{};
  socklen_t size = sizeof peer;
  const bool connected = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  const bool full = !connected && errno == EAGAIN;
  const bool there = connected && ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.pid > 0;
  ::close(fd);
  if (full) return fail(ErrorCode::kResourceExhausted, "nobody can connect to " + path.string() + " any more");
  if (!there) return fail(ErrorCode::kNotFound, "nobody listens on " + path.string());
  return peer;
}

/// As whom a process runs; its files in /proc may be root's all the same.
std::optional<uid_t> user_of(pid_t pid) {
  const auto status = read_file(fmt::format("/proc/{}/status", pid), 64 << 10);
  constexpr std::string_view kUid = "\nUid:\t";
  const auto at = status ? status->find(kUid) : std::string::npos;
  if (at == std::string::npos) return std::nullopt;
  const auto real = parse_u64(split(std::string_view(*status).substr(at + kUid.size()), '\t').front());
  return real ? std::optional(static_cast<uid_t>(*real)) : std::nullopt;
}

}  // namespace

Status check_forwarder_folder(const std::filesystem::path& folder) {
  struct stat st {};
  if (::lstat(folder.c_str(), &st) != 0) return fail(errno_error(errno, "looking at", folder));
  if (!S_ISDIR(st.st_mode)) return fail(ErrorCode::kUnsupported, folder.string() + " is no folder; remove it, and the gateway makes one");
  if (st.st_uid != ::geteuid() || (st.st_mode & 022) != 0) return fail(not_trusted(folder, "can be written by others than the gateway"));
  return {};
}

Status make_forwarder_folder(const std::filesystem::path& folder, const ProcessUser& user) {
  if (auto made = make_directories(folder, 0710); !made) return made;
  if (auto ours = check_forwarder_folder(folder); !ours) return ours;
  if ((user.gid != ::getegid() && ::lchown(folder.c_str(), static_cast<uid_t>(-1), user.gid) != 0) || ::chmod(folder.c_str(), 0710) != 0)
    return fail(errno_error(errno, "giving nginx access to", folder));
  return {};
}

Result<int> open_forwarder_log(const std::filesystem::path& path, off_t limit) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0640);
  if (fd < 0) return fail(errno_error(errno, "opening", path));
  struct stat st {};
  const bool sound = ::fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 && st.st_uid == ::geteuid();
  if (!sound || (st.st_size > limit && ::ftruncate(fd, 0) != 0)) {
    ::close(fd);
    return fail(ErrorCode::kUnsupported, path.string() + " is no regular file of the gateway's; remove it, and it is made anew");
  }
  return fd;
}

Result<int> lock_forwarder_folder(const std::filesystem::path& folder) {
  const auto path = folder / "lock";
  const int fd = ::open(path.c_str(), O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
  if (fd < 0) return fail(errno_error(errno, "opening", path));
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    const int why = errno;
    ::close(fd);
    if (why == EWOULDBLOCK) return fail(ErrorCode::kAlreadyExists, "another forwarder runs in " + folder.string());
    return fail(errno_error(why, "locking", path));
  }
  return fd;
}

std::optional<ForwarderRecord> parse_forwarder_record(std::string_view text) {
  if (text.size() > kMaxRecord || !text.ends_with('\n')) return std::nullopt;
  text.remove_suffix(1);
  const auto words = split(text, ' ');
  if (words.size() != 2) return std::nullopt;
  const auto pid = parse_u64(words[0]), start = parse_u64(words[1]);
  if (!pid || *pid < 2 || *pid > (1u << 30) || !start) return std::nullopt;
  return ForwarderRecord{static_cast<pid_t>(*pid), *start};
}

std::optional<ForwarderRecord> record_of_process(pid_t pid) {
  const auto stat = read_file(fmt::format("/proc/{}/stat", pid), 4096);
  if (!stat) return std::nullopt;
  // "123 (name, which may have any character) S ...": the start is the 20th word behind the name.
  const auto name_end = stat->rfind(") ");
  if (name_end == stat->npos) return std::nullopt;
  const auto words = split(std::string_view(*stat).substr(name_end + 2), ' ');
  const auto start = words.size() > 19 ? parse_u64(words[19]) : std::nullopt;
  if (!start) return std::nullopt;
  return ForwarderRecord{pid, *start};
}

Status write_forwarder_record(const std::filesystem::path& folder) {
  const auto self = record_of_process(::getpid());
  if (!self) return fail(ErrorCode::kUnavailable, "/proc/self/stat can't be read");
  return write_file_atomic(record_path(folder), fmt::format("{} {}\n", self->pid, self->start), 0600);
}

Result<int> find_forwarder(const std::filesystem::path& socket, uid_t user) {
  struct stat st {};
  if (::lstat(socket.c_str(), &st) != 0) return fail(errno_error(errno, "looking at", socket));
  if (!S_ISSOCK(st.st_mode)) return fail(not_trusted(socket, "is no socket"));
  if (auto ours = check_forwarder_folder(socket.parent_path()); !ours) return fail(ours.error());
  const auto text = read_file(record_path(socket.parent_path()), kMaxRecord);
  const auto record = text ? parse_forwarder_record(*text) : std::nullopt;
  auto peer = listener_of(socket);
  // One that hangs, and that clients go on coming to: nobody but the gateway makes anything in this folder, so it is who says so there.
  if (!peer && peer.error().code == ErrorCode::kResourceExhausted && record) {
    if (const auto uid = user_of(record->pid)) peer = ucred{record->pid, *uid, static_cast<gid_t>(-1)};
  }
  if (!peer) return fail(peer.error());
  if (peer->uid != user) return fail(not_trusted(socket, "is listened on by another user than nginx's"));
  const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, peer->pid, 0u));
  if (pidfd < 0) return fail(errno_error(errno, "watching", "the forwarder"));
  const auto name = read_file(fmt::format("/proc/{}/comm", peer->pid), 64);
  const bool same = record && record->pid == peer->pid && record_of_process(peer->pid) == record && name &&
                    trim(*name) == kForwarderName;
  // Alive still: so what was read is of this process and not of one that has its number now.
  pollfd gone{pidfd, POLLIN, 0};
  if (!same || ::poll(&gone, 1, 0) != 0) {
    ::close(pidfd);
    return fail(not_trusted(socket, "is listened on by a process that is not the forwarder that the gateway started"));
  }
  return pidfd;
}

}  // namespace postern::gateway
