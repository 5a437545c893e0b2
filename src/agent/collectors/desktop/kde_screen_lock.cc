#include "agent/collectors/desktop/kde_screen_lock.h"

#include <limits>

#include "base/text.h"

namespace postern::agent {
namespace {

std::optional<bool> flag(std::string_view value) {
  const auto text = to_lower(value);
  if (text == "true" || text == "1") return true;
  if (text == "false" || text == "0") return false;
  return std::nullopt;
}

std::optional<std::int64_t> span(std::string_view digits, int unit) {
  const auto n = parse_u64(digits);
  if (!n || *n > std::numeric_limits<std::int32_t>::max()) return std::nullopt;
  return static_cast<std::int64_t>(*n) * unit;
}

}  // namespace

ScreenLockSettings parse_kscreenlockerrc(std::string_view text) {
  constexpr std::string_view kImmutable = "[$i]";
  ScreenLockSettings out;
  bool file = false, group = false, daemon = false;
  for (const auto raw : split(text, '\n')) {
    const auto line = trim(raw);
    if (line == kImmutable) {
      file = true;
    } else if (line.starts_with('[')) {
      daemon = line == "[Daemon]" || line == "[Daemon][$i]";
      group = line.ends_with(kImmutable);
    }
    const auto equals = line.find('=');
    if (line.starts_with('[') || line.starts_with('#') || equals == line.npos || !daemon) continue;
    auto key = trim(line.substr(0, equals));
    const bool own = key.ends_with(kImmutable);
    if (own) key.remove_suffix(kImmutable.size());
    if (!file && !group && !own) continue;
    const auto value = trim(line.substr(equals + 1));
    if (key == "Autolock") out.enabled = flag(value);
    if (key == "LockGrace") out.delay_seconds = span(value, 1);
    if (key == "Timeout") out.idle_seconds = span(value, 60);
  }
  return out;
}

}  // namespace postern::agent
