#include "ems/feeds/store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <set>
#include <system_error>
#include <utility>

#include "base/file.h"
#include "base/hex.h"
#include "base/sha256.h"
#include "vuln/feed_kind.h"
#include "vuln/osv.h"

namespace postern::ems {
namespace {

constexpr std::size_t kPiece = vuln::kFeedBeginning;

std::string stem_of(std::string_view name) { return to_hex_lower(sha256(name)).substr(0, 32); }

/// A regular file, from its beginning to its end.
class Pieces {
 public:
  explicit Pieces(std::filesystem::path path)
      : path_(std::move(path)), fd_(::open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)), error_(errno) {
    struct stat st {};
    if (fd_ >= 0 && ::fstat(fd_, &st) == 0 && S_ISREG(st.st_mode)) size_ = static_cast<std::uint64_t>(st.st_size);
  }
  Pieces(const Pieces&) = delete;
  Pieces& operator=(const Pieces&) = delete;
  ~Pieces() {
    if (fd_ >= 0) ::close(fd_);
  }

  std::optional<std::uint64_t> size() const { return size_; }  ///< None: no regular file that can be read.
  /// The next `kPiece` bytes, fewer only at the end. Errors: those of opening and reading.
  Result<std::string> next() {
    if (fd_ < 0) return fail(errno_error(error_, "opening", path_));
    std::string piece(kPiece, '\0');
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

 private:
  std::filesystem::path path_;
  int fd_;
  int error_;
  std::optional<std::uint64_t> size_;
};

bool same_content(const std::filesystem::path& a, const std::filesystem::path& b) {
  Pieces one(a), other(b);
  if (!one.size() || one.size() != other.size()) return false;
  for (;;) {
    const auto piece = one.next(), same = other.next();
    if (!piece || !same || *piece != *same) return false;
    if (piece->size() < kPiece) return true;
  }
}

}  // namespace

std::filesystem::path feed_file(const std::filesystem::path& directory, std::string_view name) {
  return directory / (stem_of(name) + ".feed");
}

std::filesystem::path feed_part_file(const std::filesystem::path& directory, std::string_view name) {
  return directory / (stem_of(name) + ".part");
}

Result<TakenFeed> take_feed(std::string_view name, const std::filesystem::path& source,
                            const std::filesystem::path& target) {
  // What is far too long for its content is refused before it takes as much memory.
  if (Pieces pieces(source); pieces.size().value_or(0) > kPiece) {
    const auto beginning = pieces.next();
    if (!beginning) return fail(beginning.error());
    if (auto may = vuln::may_be_feed(*beginning); !may) return fail(may.error().context(fmt::format("feed {}", name)));
    if (same_content(source, target)) return TakenFeed{false, *pieces.size()};
  }
  const auto bytes = read_file(source, kMaxFeedFile);
  if (!bytes) return fail(bytes.error());
  TakenFeed out{false, bytes->size()};
  if (const auto before = read_file(target, kPiece); before && *before == *bytes) return out;
  vuln::FeedOptions options;
  options.skip_invalid = true;
  vuln::FeedReader reader(options);
  if (const auto report = reader.add(name, *bytes); !report) return fail(report.error());
  if (auto ok = write_file_atomic(target, *bytes, 0600); !ok) return fail(ok.error());
  out.changed = true;
  return out;
}

Result<std::vector<std::string>> feeds_given(const std::filesystem::path& path) {
  std::error_code ec;
  auto whole = std::filesystem::absolute(path, ec).lexically_normal();
  if (ec) whole = path;
  if (!std::filesystem::is_directory(whole, ec)) return std::vector<std::string>{whole.string()};
  std::vector<std::string> out;
  auto it = std::filesystem::directory_iterator(whole, ec);
  for (; !ec && it != std::filesystem::directory_iterator(); it.increment(ec)) {
    std::error_code ignored;
    if (it->path().filename().native().starts_with('.') || !it->is_regular_file(ignored)) continue;
    out.push_back(it->path().string());
  }
  if (ec) return fail(ErrorCode::kUnavailable, "reading the directory " + whole.string() + ": " + ec.message());
  std::ranges::sort(out);
  return out;
}

void drop_other_feed_files(const std::filesystem::path& directory, const std::vector<std::string>& names) {
  std::set<std::string> kept;
  for (const auto& name : names) kept.insert(feed_file(directory, name).filename().string());
  std::error_code ec;
  std::vector<std::filesystem::path> others;
  for (auto it = std::filesystem::directory_iterator(directory, ec); !ec && it != std::filesystem::directory_iterator();
       it.increment(ec)) {
    const auto name = it->path().filename().string();
    if ((name.ends_with(".feed") && !kept.contains(name)) || name.ends_with(".part")) others.push_back(it->path());
  }
  for (const auto& path : others) std::filesystem::remove(path, ec);
}

}  // namespace postern::ems
