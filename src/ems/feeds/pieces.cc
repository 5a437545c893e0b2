#include "ems/feeds/pieces.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/file.h"

namespace postern::ems {
namespace {

constexpr std::size_t kAtOnce = 1u << 20;

Status copy_into(int fd, const std::filesystem::path& from, const std::filesystem::path& to, std::uint64_t limit) {
  Pieces pieces(from, kAtOnce);
  for (std::uint64_t total = 0;;) {
    const auto piece = pieces.next();
    if (!piece) return fail(piece.error());
    total += piece->size();
    if (total > limit) return fail(ErrorCode::kResourceExhausted, fmt::format("{} is larger than {} bytes", from.native(), limit));
    if (auto ok = write_whole(fd, *piece, to); !ok) return ok;
    if (piece->size() < kAtOnce) return {};
  }
}

}  // namespace

Pieces::Pieces(std::filesystem::path path, std::size_t piece)
    : path_(std::move(path)),
      piece_(piece),
      fd_(::open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)),
      error_(errno) {
  struct stat st {};
  if (fd_ >= 0 && ::fstat(fd_, &st) == 0 && S_ISREG(st.st_mode)) size_ = static_cast<std::uint64_t>(st.st_size);
}

Pieces::~Pieces() {
  if (fd_ >= 0) ::close(fd_);
}

Result<std::string> Pieces::next() {
  if (fd_ < 0) return fail(errno_error(error_, "opening", path_));
  // A pipe put in its place must not hang the reader.
  if (!size_) return fail(ErrorCode::kUnsupported, fmt::format("{} is not a regular file", path_.native()));
  std::string piece(piece_, '\0');
  std::size_t got = 0;
  while (got < piece.size()) {
    const auto n = ::read(fd_, piece.data() + got, piece.size() - got);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(errno_error(errno, "reading", path_));
    if (n == 0) break;
    got += static_cast<std::size_t>(n);
  }
  piece.resize(got);
  return piece;
}

Status write_whole(int fd, std::string_view text, const std::filesystem::path& path) {
  while (!text.empty()) {
    const auto n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(errno_error(errno, "writing", path));
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

bool same_content(const std::filesystem::path& a, const std::filesystem::path& b) {
  Pieces one(a, kAtOnce), other(b, kAtOnce);
  if (!one.size() || one.size() != other.size()) return false;
  for (;;) {
    const auto piece = one.next(), same = other.next();
    if (!piece || !same || *piece != *same) return false;
    if (piece->size() < kAtOnce) return true;
  }
}

Status copy_pieces(const std::filesystem::path& from, const std::filesystem::path& to, std::uint64_t limit) {
  const int fd = ::open(to.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) return fail(errno_error(errno, "writing", to));
  const auto copied = copy_into(fd, from, to, limit);
  ::close(fd);
  std::error_code ignored;
  if (!copied) std::filesystem::remove(to, ignored);
  return copied;
}

Status make_durable(const std::filesystem::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fail(errno_error(errno, "opening", path));
  const int error = ::fsync(fd) == 0 ? 0 : errno;
  ::close(fd);
  return error == 0 ? Status() : fail(errno_error(error, "writing", path));
}

}  // namespace postern::ems
