#include "ems/feeds/copy.h"

#include <system_error>

#include "base/file.h"
#include "base/hex.h"
#include "base/sha256.h"
#include "ems/feeds/mapped_file.h"
#include "ems/feeds/pieces.h"
#include "ems/feeds/store.h"

namespace postern::ems {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kReplaced = ".old";  // behind the copy's name

fs::path replaced_by(const fs::path& copy) { return copy.native() + std::string(kReplaced); }

bool there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

bool has_digest(const fs::path& path, std::string_view digest) {
  const auto file = MappedFile::open(path, kMaxFeedFile);
  return file && copy_digest(file->bytes()) == digest;
}

}  // namespace

std::string copy_digest(std::string_view bytes) { return to_hex_lower(sha256(bytes)); }

Status replace_copy(const fs::path& candidate, const fs::path& copy) {
  const auto old = replaced_by(copy);
  std::error_code ec;
  // Of several in a row the first one is that whose row is on the disk for certain.
  const bool keeps = there(copy) && !there(old);
  if (keeps) fs::rename(copy, old, ec);
  if (!ec) fs::rename(candidate, copy, ec);
  if (!ec) return make_durable(copy.parent_path());
  std::error_code ignored;
  if (keeps && !there(copy)) fs::rename(old, copy, ignored);
  return fail(errno_error(ec.value(), "replacing", copy));
}

void recover_copy(const fs::path& copy, std::string_view digest) {
  const auto old = replaced_by(copy);
  if (!there(old)) return;
  const bool known = digest.empty() ? there(copy) : has_digest(copy, digest);
  std::error_code ignored;
  if (!known && (digest.empty() || has_digest(old, digest))) {
    fs::rename(old, copy, ignored);
  } else {
    fs::remove(old, ignored);
  }
}

void drop_replaced_copy(const fs::path& copy) {
  std::error_code ignored;
  fs::remove(replaced_by(copy), ignored);
}

std::string_view copy_that_replaced(std::string_view file_name) {
  return file_name.ends_with(kReplaced) ? file_name.substr(0, file_name.size() - kReplaced.size()) : std::string_view();
}

}  // namespace postern::ems
