#include "agent/collectors/file_hash.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <memory>
#include <mutex>
#include <tuple>
#include <vector>

#include "base/file.h"
#include "base/hex.h"

namespace postern::agent {
namespace {

constexpr std::size_t kRemembered = 1024;

/// The change time is among them: the modification time can be set back.
using FileIdentity = std::tuple<dev_t, ino_t, off_t, std::int64_t, std::int64_t, std::int64_t, std::int64_t>;

FileIdentity identity_of(const struct stat& st) {
  return {st.st_dev,          st.st_ino,          st.st_size,        st.st_mtim.tv_sec,
          st.st_mtim.tv_nsec, st.st_ctim.tv_sec, st.st_ctim.tv_nsec};
}

struct Remembered {
  std::string hash;
  MonoTime until{};
};

struct HashMemory {
  std::mutex mutex;
  std::map<FileIdentity, Remembered> hashes;
};

/// The clock may be wrong and a change lie ahead: then it is one of just now.
bool changed_lately(const struct stat& st, WallTime now) {
  const auto ms = std::max(std::int64_t{st.st_ctim.tv_sec}, std::int64_t{st.st_mtim.tv_sec}) * 1000;
  return from_unix_ms(ms) + kSettled > now;
}

HashMemory& hash_memory() {
  static HashMemory memory;
  return memory;
}

Result<std::string> hash_content(int fd, const std::filesystem::path& path) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&::EVP_MD_CTX_free)> hash(::EVP_MD_CTX_new(), ::EVP_MD_CTX_free);
  ::EVP_DigestInit_ex(hash.get(), ::EVP_sha256(), nullptr);
  std::vector<std::uint8_t> buffer(256u << 10);
  for (std::uint64_t total = 0;;) {
    const auto n = ::read(fd, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(errno_error(errno, "reading", path));
    if (n == 0) break;
    total += static_cast<std::uint64_t>(n);
    if (total > kMaxHashedBytes) return fail(ErrorCode::kResourceExhausted, path.native() + " is too large to be hashed");
    ::EVP_DigestUpdate(hash.get(), buffer.data(), static_cast<std::size_t>(n));
  }
  std::array<std::uint8_t, 32> digest{};
  ::EVP_DigestFinal_ex(hash.get(), digest.data(), nullptr);
  return to_hex_lower(digest);
}

}  // namespace

Result<std::string> hash_file(const std::filesystem::path& path, Now now) {
  struct stat st {};
  // Looked at before it is opened: opening a device can have effects.
  if (::stat(path.c_str(), &st) != 0) return fail(errno_error(errno, "reading", path));
  if (!S_ISREG(st.st_mode)) return fail(ErrorCode::kUnsupported, path.native() + " is not a regular file");
  const int fd = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (fd < 0) return fail(errno_error(errno, "opening", path));
  const std::shared_ptr<void> closer(nullptr, [fd](void*) { ::close(fd); });
  if (::fstat(fd, &st) != 0) return fail(errno_error(errno, "reading", path));
  if (!S_ISREG(st.st_mode)) return fail(ErrorCode::kUnsupported, path.native() + " is not a regular file");
  if (static_cast<std::uint64_t>(st.st_size) > kMaxHashedBytes)
    return fail(ErrorCode::kResourceExhausted, path.native() + " is too large to be hashed");
  auto& memory = hash_memory();
  const auto identity = identity_of(st);
  {
    const std::lock_guard lock(memory.mutex);
    if (const auto it = memory.hashes.find(identity); it != memory.hashes.end() && now.mono < it->second.until)
      return it->second.hash;
  }
  auto hash = hash_content(fd, path);
  if (!hash) return hash;
  struct stat after {};
  if (::fstat(fd, &after) != 0 || identity_of(after) != identity)
    return fail(ErrorCode::kUnavailable, path.native() + " changed while it was read");
  const std::lock_guard lock(memory.mutex);
  if (memory.hashes.size() >= kRemembered) memory.hashes.clear();
  const auto trusted = changed_lately(st, now.wall) ? kTrustedAfterChange : kTrusted;
  memory.hashes.insert_or_assign(identity, Remembered{*hash, now.mono + trusted});
  return hash;
}

}  // namespace postern::agent
