#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>

#include <fmt/format.h>

namespace postern {
namespace {

class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

/// Stands for where links lead in a circle: no file system takes such a name.
const std::string& endless_name() {
  static const std::string kName(NAME_MAX + 1, '@');
  return kName;
}

}  // namespace

Error errno_error(int error, std::string_view doing, const std::filesystem::path& path) {
  ErrorCode code = ErrorCode::kUnavailable;
  if (error == ENOENT || error == ENOTDIR) code = ErrorCode::kNotFound;
  if (error == EACCES || error == EPERM || error == EROFS) code = ErrorCode::kPermissionDenied;
  if (error == ENOSPC || error == EDQUOT || error == EMFILE || error == ENFILE) code = ErrorCode::kResourceExhausted;
  if (error == EEXIST) code = ErrorCode::kAlreadyExists;
  if (error == ENAMETOOLONG && path.filename() == endless_name()) {
    return {code, fmt::format("{} a file below {}: its symbolic links lead in a circle", doing, path.parent_path().native())};
  }
  return {code, fmt::format("{} {}: {}", doing, path.native(), errno_text(error))};
}

std::filesystem::path path_in_root(const std::filesystem::path& root, std::string_view absolute) {
  constexpr int kMostLinks = 40;
  auto left = std::filesystem::path(absolute).relative_path();
  std::filesystem::path at;  // below the root, without ".."
  for (int links = 0; !left.empty();) {
    const auto name = *left.begin();
    left = left.lexically_relative(name);
    if (left == ".") left.clear();
    if (name.empty() || name == ".") continue;
    if (name == "..") {
      at = at.parent_path();
      continue;
    }
    std::error_code ec;
    const auto target = std::filesystem::read_symlink(root / at / name, ec);
    if (ec) {
      at /= name;
      continue;
    }
    if (++links > kMostLinks) return root / endless_name();
    if (target.is_absolute()) at.clear();
    left = target.relative_path() / left;
  }
  return root / at;
}

Result<std::string> read_file(const std::filesystem::path& path, std::size_t limit) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
  if (fd.get() < 0) return fail(errno_error(errno, "opening", path));
  struct stat st {};
  if (::fstat(fd.get(), &st) != 0) return fail(errno_error(errno, "reading", path));
  if (!S_ISREG(st.st_mode)) {
    return fail(ErrorCode::kUnsupported, fmt::format("{} is not a regular file", path.native()));
  }
  std::string content;
  char buffer[65536];
  for (;;) {
    const auto n = ::read(fd.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(errno_error(errno, "reading", path));
    if (n == 0) return content;
    if (content.size() + static_cast<std::size_t>(n) > limit) {
      return fail(ErrorCode::kResourceExhausted, fmt::format("{} is larger than {} bytes", path.native(), limit));
    }
    content.append(buffer, static_cast<std::size_t>(n));
  }
}

Status write_file_atomic(const std::filesystem::path& path, std::string_view content, mode_t mode) {
  const std::filesystem::path temporary = path.native() + fmt::format(".tmp.{}", ::getpid());
  {
    Fd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode));
    if (fd.get() < 0) return fail(errno_error(errno, "creating", temporary));
    std::size_t done = 0;
    int error = 0;
    while (done < content.size() && error == 0) {
      const auto n = ::write(fd.get(), content.data() + done, content.size() - done);
      if (n >= 0) {
        done += static_cast<std::size_t>(n);
      } else if (errno != EINTR) {
        error = errno;
      }
    }
    if (error == 0 && ::fchmod(fd.get(), mode) != 0) error = errno;
    if (error == 0 && ::fsync(fd.get()) != 0) error = errno;
    if (error != 0) {
      ::unlink(temporary.c_str());
      return fail(errno_error(error, "writing", temporary));
    }
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    const int error = errno;
    ::unlink(temporary.c_str());
    return fail(errno_error(error, "renaming into place", path));
  }
  const auto parent = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  Fd dir(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (dir.get() < 0 || ::fsync(dir.get()) != 0) return fail(errno_error(errno, "syncing directory", parent));
  return {};
}

Status make_directories(const std::filesystem::path& path, mode_t mode) {
  if (path.empty() || std::filesystem::is_directory(path)) return {};
  if (path.has_parent_path() && path.parent_path() != path) {
    if (auto parent = make_directories(path.parent_path(), mode); !parent) return parent;
  }
  if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST) return fail(errno_error(errno, "creating directory", path));
  return {};
}

}  // namespace postern
