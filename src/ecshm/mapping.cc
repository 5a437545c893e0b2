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
