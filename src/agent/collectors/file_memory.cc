#include "agent/collectors/file_memory.h"

#include <algorithm>

namespace postern::agent {
namespace {

constexpr std::size_t kRemembered = 1024;

/// The clock may be wrong and a change lie ahead: then it is one of just now.
bool changed_lately(const struct stat& st, WallTime now) {
  const auto ms = std::max(std::int64_t{st.st_ctim.tv_sec}, std::int64_t{st.st_mtim.tv_sec}) * 1000;
  return from_unix_ms(ms) + kSettled > now;
}

}  // namespace

FileIdentity identity_of(const struct stat& st) {
  return {st.st_dev,          st.st_ino,          st.st_size,        st.st_mtim.tv_sec,
          st.st_mtim.tv_nsec, st.st_ctim.tv_sec, st.st_ctim.tv_nsec};
}

std::optional<std::string> FileMemory::find(const struct stat& st, const std::string& what, MonoTime now) {
  const std::lock_guard lock(mutex_);
  const auto it = found_.find({identity_of(st), what});
  return it != found_.end() && now < it->second.until ? std::optional(it->second.text) : std::nullopt;
}

void FileMemory::keep(const struct stat& st, const std::string& what, std::string found, Now now) {
  const std::lock_guard lock(mutex_);
  if (found_.size() >= kRemembered) found_.clear();
  const auto trusted = changed_lately(st, now.wall) ? kTrustedAfterChange : kTrusted;
  found_.insert_or_assign({identity_of(st), what}, Found{std::move(found), now.mono + trusted});
}

}  // namespace postern::agent
