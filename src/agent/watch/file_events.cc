#include "agent/watch/file_events.h"

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <cstdint>

#include <fmt/format.h>

namespace postern::agent {

bool without_events(const std::string& directory) {
  constexpr long kCifs = 0xFF534D42, kSmb2 = 0xFE534D42, kFuse = 0x65735546, kNfs = 0x6969, kCeph = 0x00C36400,
                 kNineP = 0x01021997;
  struct statfs fs {};
  if (::statfs(directory.c_str(), &fs) != 0) return false;
  const long type = static_cast<long>(static_cast<std::uint32_t>(fs.f_type));
  for (const long one : {kCifs, kSmb2, kFuse, kNfs, kCeph, kNineP, static_cast<long>(PROC_SUPER_MAGIC),
                         static_cast<long>(SYSFS_MAGIC)}) {
    if (type == one) return true;
  }
  return false;
}

std::string stamp_of(const std::vector<std::string>& files) {
  std::string out;
  for (const auto& path : files) {
    struct stat st {};
    if (::stat(path.c_str(), &st) != 0) {
      out += "-;";
    } else {
      out += fmt::format("{}:{}:{}.{};", st.st_ino, st.st_size, st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
    }
  }
  return out;
}

}  // namespace postern::agent
