#include "ems/feeds/mapped_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/file.h"

namespace postern::ems {

Result<MappedFile> MappedFile::open(const std::filesystem::path& path, std::size_t limit) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) return fail(errno_error(errno, "opening", path));
  struct stat st {};
  const int error = ::fstat(fd, &st) == 0 ? 0 : errno;
  const auto size = static_cast<std::size_t>(st.st_size);
  void* at = nullptr;
  int mapping = 0;
  if (error == 0 && S_ISREG(st.st_mode) && size != 0 && size <= limit) {
    at = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
    mapping = at == MAP_FAILED ? errno : 0;
  }
  ::close(fd);
  if (error != 0) return fail(errno_error(error, "reading", path));
  if (!S_ISREG(st.st_mode)) return fail(ErrorCode::kUnsupported, fmt::format("{} is not a regular file", path.native()));
  if (size > limit) return fail(ErrorCode::kResourceExhausted, fmt::format("{} is larger than {} bytes", path.native(), limit));
  if (mapping != 0) return fail(errno_error(mapping, "reading", path));
  if (at == nullptr) return MappedFile({});
  ::madvise(at, size, MADV_SEQUENTIAL);
  return MappedFile({static_cast<const char*>(at), size});
}

MappedFile::MappedFile(MappedFile&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<char*>(bytes_.data()), bytes_.size());
}

}  // namespace postern::ems
