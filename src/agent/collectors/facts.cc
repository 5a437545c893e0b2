#include <sys/stat.h>

#include <system_error>

#include "agent/collectors/collector.h"
#include "agent/watch/path_trace.h"
#include "base/file.h"
#include "base/text.h"

namespace postern::agent {

posture::UnknownReason reason_of(const Error& error) {
  switch (error.code) {
    case ErrorCode::kNotFound:
    case ErrorCode::kUnsupported: return posture::UnknownReason::kUnsupported;
    case ErrorCode::kPermissionDenied: return posture::UnknownReason::kDenied;
    default: return posture::UnknownReason::kFailed;
  }
}

Facts::Facts(std::filesystem::path root, WallTime now) : root_(std::move(root)), now_(now) {
  std::error_code ec;
  foreign_ = !std::filesystem::equivalent(root_, "/", ec) || ec;
}

void Facts::text(std::string_view key, const Result<std::string>& text, std::string source) {
  if (!text) return unknown(key, reason_of(text.error()), std::move(source));
  const auto value = trim(*text);
  if (value.empty()) return unknown(key, posture::UnknownReason::kUnsupported, std::move(source));
  know(key, std::string(value), std::move(source));
}

std::filesystem::path Facts::path(std::string_view absolute) const {
  if (!foreign_) return absolute;
  // By hand: an image's /etc/os-release -> /usr/lib/os-release must not lead to this machine's.
  std::filesystem::path left = std::filesystem::path(absolute).relative_path();
  std::filesystem::path at;  // below the root, without ".."
  for (int links = 0; !left.empty();) {
    const auto name = *left.begin();
    left = left.lexically_relative(name);
    if (left == ".") left.clear();
    if (name.empty() || name == ".") continue;
    if (name == "..") {
      at = at.parent_path();
      continue;
    }
    std::error_code ec;
    const auto target = std::filesystem::read_symlink(root_ / at / name, ec);
    if (ec || ++links > kMaxLinks) {
      at /= name;
      continue;
    }
    if (target.is_absolute()) at.clear();
    left = target.relative_path() / left;
  }
  return root_ / at;
}

Result<std::string> Facts::read(std::string_view absolute, std::size_t limit) const {
  return read_file(path(absolute), limit);
}

bool Facts::exists(std::string_view absolute) const {
  struct stat st {};
  return ::stat(path(absolute).c_str(), &st) == 0;
}

}  // namespace postern::agent
