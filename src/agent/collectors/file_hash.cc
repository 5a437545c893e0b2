#include "agent/collectors/file_hash.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <vector>

#include "base/file.h"
#include "base/hex.h"

namespace postern::agent {
namespace {

FileMemory& hash_memory() {
  static FileMemory memory;
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

bool hash_remembered(const struct stat& st, Now now) { return hash_memory().find(st, {}, now.mono).has_value(); }

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
  if (auto known = hash_memory().find(st, {}, now.mono)) return *known;
  auto hash = hash_content(fd, path);
  if (!hash) return hash;
  struct stat after {};
  if (::fstat(fd, &after) != 0 || identity_of(after) != identity_of(st))
    return fail(ErrorCode::kUnavailable, path.native() + " changed while it was read");
  hash_memory().keep(st, {}, *hash, now);
  return hash;
}

}  // namespace postern::agent
