#pragma once
// What was found out of a file's content at some cost, remembered while the file stays the same.
#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "base/clock.h"

namespace postern::agent {

/// How long what was read is taken for what the file holds while its inode, size and times stay the same. Whoever writes
/// through a shared mapping moves the times only at the first write to a page that was not dirty: of a file that had just
/// changed this may have been before it was read. In memory (tmpfs) it may be any time ago.
inline constexpr Seconds kTrustedAfterChange{30};   ///< It had changed within kSettled before it was read.
inline constexpr Seconds kSettled{600};             ///< By then the kernel has written dirty pages back.
inline constexpr Seconds kTrusted{3600};

/// The change time is among them: the modification time can be set back.
using FileIdentity = std::tuple<dev_t, ino_t, off_t, std::int64_t, std::int64_t, std::int64_t, std::int64_t>;
FileIdentity identity_of(const struct stat& st);

/// Thread: any.
class FileMemory {
 public:
  /// What was found of that file, asked for `what`, if that is still trusted.
  std::optional<std::string> find(const struct stat& st, const std::string& what, MonoTime now);
  /// `now`: when reading it began.
  void keep(const struct stat& st, const std::string& what, std::string found, Now now);

 private:
  struct Found {
    std::string text;
    MonoTime until{};
  };
  std::mutex mutex_;
  std::map<std::pair<FileIdentity, std::string>, Found> found_;
};

}  // namespace postern::agent
