#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <system_error>

#include "agent/collectors/collector.h"
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

std::string words_of(const Error& error, std::uint64_t limit) {
  switch (error.code) {
    case ErrorCode::kNotFound: return "it is not there";
    case ErrorCode::kPermissionDenied: return "the agent may not read it";
    case ErrorCode::kUnsupported: return "it is no regular file";
    case ErrorCode::kResourceExhausted:
      if (limit >= 1u << 20) return "it is larger than " + std::to_string(limit >> 20) + " MiB";
      break;
    default: break;
  }
  return error.message;
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
  return path_in_root(root_, absolute);
}

Result<std::string> Facts::read(std::string_view absolute, std::size_t limit) const {
  return read_file(path(absolute), limit);
}

bool Facts::exists(std::string_view absolute) const {
  struct stat st {};
  return ::stat(path(absolute).c_str(), &st) == 0;
}

}  // namespace postern::agent
