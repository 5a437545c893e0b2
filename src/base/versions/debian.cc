#include "base/versions/debian.h"

#include <algorithm>

#include "base/versions/chars.h"

namespace postern::versions {
namespace {

struct DebianParts {
  std::string_view epoch;
  std::string_view upstream;
  std::string_view revision;
};

DebianParts split_debian(std::string_view version) {
  DebianParts parts;
  const auto colon = version.find(':');
  if (colon != std::string_view::npos && colon > 0 &&
      std::all_of(version.begin(), version.begin() + static_cast<std::ptrdiff_t>(colon), is_digit)) {
    parts.epoch = version.substr(0, colon);
    version.remove_prefix(colon + 1);
  }
  const auto hyphen = version.rfind('-');
  if (hyphen != std::string_view::npos) {
    parts.revision = version.substr(hyphen + 1);
    version = version.substr(0, hyphen);
  }
  parts.upstream = version;
  return parts;
}

/// Where a byte of a non-digit run stands: tilde, the run's end, letters, everything else.
int debian_weight(std::string_view text, std::size_t at) {
  if (at >= text.size() || is_digit(text[at])) return 0;
  const char c = text[at];
  if (c == '~') return -1;
  return static_cast<unsigned char>(c) + (is_letter(c) ? 0 : 256);
}

/// Upstream version or revision: runs of non-digits and of digits in turn.
std::strong_ordering compare_debian_parts(std::string_view a, std::string_view b) {
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < a.size() || j < b.size()) {
    for (;;) {
      const int wa = debian_weight(a, i);
      const int wb = debian_weight(b, j);
      if (wa != wb) return wa <=> wb;
      if (wa == 0) break;
      ++i;
      ++j;
    }
    const auto da = take_run(a, i, is_digit);
    const auto db = take_run(b, j, is_digit);
    if (const auto c = compare_numbers(da, db); c != 0) return c;
  }
  return std::strong_ordering::equal;
}

}  // namespace

bool valid_debian(std::string_view version) {
  if (version.empty() || version.size() > kMaxVersionLength) return false;
  const auto allowed = [](char c) {
    return is_digit(c) || is_letter(c) || c == '.' || c == '+' || c == '~' || c == '-' || c == ':';
  };
  if (!std::all_of(version.begin(), version.end(), allowed)) return false;
  const auto parts = split_debian(version);
  if (parts.upstream.empty()) return false;
  if (parts.epoch.empty() && version.find(':') != std::string_view::npos) return false;
  if (version.back() == '-') return false;  // A hyphen announces a revision.
  return parts.revision.find(':') == std::string_view::npos;
}

std::weak_ordering compare_debian(std::string_view a, std::string_view b) {
  const auto x = split_debian(a);
  const auto y = split_debian(b);
  if (const auto c = compare_numbers(x.epoch, y.epoch); c != 0) return c;
  if (const auto c = compare_debian_parts(x.upstream, y.upstream); c != 0) return c;
  return compare_debian_parts(x.revision, y.revision);
}

}  // namespace postern::versions
