#include "agent/collectors/collector.h"
#include "base/file.h"
#include "base/text.h"

namespace postern::agent {

void Facts::text(std::string_view key, const Result<std::string>& text, std::string source) {
  using posture::UnknownReason;
  if (text) {
    const auto value = trim(*text);
    if (value.empty()) return unknown(key, UnknownReason::kUnsupported, std::move(source));
    return know(key, std::string(value), std::move(source));
  }
  switch (text.error().code) {
    case ErrorCode::kNotFound: return unknown(key, UnknownReason::kUnsupported, std::move(source));
    case ErrorCode::kPermissionDenied: return unknown(key, UnknownReason::kDenied, std::move(source));
    default: return unknown(key, UnknownReason::kFailed, std::move(source));
  }
}

posture::FactMap collect_all(const std::filesystem::path& root, WallTime now) {
  static constexpr Collector kAll[] = {collect_os,      collect_hardware,   collect_users,
                                       collect_network, collect_protection, collect_agent};
  Facts facts(root, now);
  for (const auto collect : kAll) collect(facts);
  return facts.map();
}

}  // namespace postern::agent
