#include "ecshm/mapping.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string>

namespace postern::ecshm {
namespace {

std::string new_name(const char* name) { return std::string(name) + ".new"; }

}  // namespace

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  if (this != &other) {
    if (base_ != nullptr) munmap(base_, size_);
    base_ = std::exchange(other.base_, nullptr);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

Mapping::~Mapping() {
  if (base_ != nullptr) munmap(base_, size_);
}

void* map_shared(int fd, std::size_t size, bool writable) {
  constexpr std::size_t kHuge = std::size_t{2} << 20;
  const int access = writable ? PROT_READ | PROT_WRITE : PROT_READ;
  void* hint = nullptr;
  void* room = MAP_FAILED;
  const std::size_t wide = size + kHuge;
  if (size >= kHuge) room = mmap(nullptr, wide, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  std::uintptr_t begin = 0;
  if (room != MAP_FAILED) {
    begin = (reinterpret_cast<std::uintptr_t>(room) + kHuge - 1) & ~(kHuge - 1);
    hint = reinterpret_cast<void*>(begin);
  }
  void* base = mmap(hint, size, access, MAP_SHARED | (hint != nullptr ? MAP_FIXED : 0), fd, 0);
  const int error = errno;
  if (room != MAP_FAILED) {
    const auto first = reinterpret_cast<std::uintptr_t>(room);
    if (base == MAP_FAILED) {
      munmap(room, wide);
    } else {
      // Only the file stays.
      const std::uintptr_t page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
      const auto end = (begin + size + page - 1) & ~(page - 1);
      if (begin > first) munmap(room, begin - first);
      if (first + wide > end) munmap(reinterpret_cast<void*>(end), first + wide - end);
    }
  }
  if (base == MAP_FAILED) {
    errno = error;
    return nullptr;
  }
#ifdef MADV_COLLAPSE
  constexpr int kCollapse = MADV_COLLAPSE;
#else
  constexpr int kCollapse = 25;
#endif
  if (writable && size >= kHuge) (void)madvise(base, size & ~(kHuge - 1), kCollapse);
  return base;
}

NewFile NewFile::create(int dir, const char* name, gid_t group, int* error) {
  NewFile out;
  const auto temporary = new_name(name);
  // What a writer that died left behind: nobody has it mapped under this name.
  if (unlinkat(dir, temporary.c_str(), 0) != 0 && errno != ENOENT) {
    *error = errno;
    return out;
  }
  const int fd =
      openat(dir, temporary.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
  if (fd < 0 ||
      (group != static_cast<gid_t>(-1) && fchown(fd, static_cast<uid_t>(-1), group) != 0) ||
      fchmod(fd, 0640) != 0) {
    *error = errno;
    if (fd >= 0) close(fd);
    return out;
  }
  out.dir_ = dir;
  out.fd_ = fd;
  out.name_ = name;
  return out;
}

NewFile::~NewFile() {
  if (fd_ < 0) return;
  close(fd_);
  unlinkat(dir_, new_name(name_).c_str(), 0);
}

bool NewFile::publish() {
  if (renameat(dir_, new_name(name_).c_str(), dir_, name_) != 0) return false;
  close(fd_);
  fd_ = -1;
  return true;
}

}  // namespace postern::ecshm
