#include "base/log.h"

#include <unistd.h>

#include <atomic>
#include <cstdint>

#include <fmt/format.h>

#include "base/clock.h"
#include "base/utf8.h"

namespace postern {
namespace {

std::atomic<LogLevel> g_level{LogLevel::kInfo};

std::string_view level_name(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug: return "debug";
    case LogLevel::kInfo: return "info";
    case LogLevel::kWarning: return "warning";
    case LogLevel::kError: return "error";
  }
  return "error";
}

}  // namespace

std::string json_quote(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const auto c = first_character(text);
    if (c.length == 0) {
      out += "\\ufffd";
    } else if (c.point == U'"' || c.point == U'\\') {
      out += '\\';
      out += text.front();
    } else if (is_control(c.point)) {
      out += fmt::format("\\u{:04x}", static_cast<std::uint32_t>(c.point));
    } else {
      out += text.substr(0, c.length);
    }
    text.remove_prefix(c.length == 0 ? 1 : c.length);
  }
  out += '"';
  return out;
}

void set_log_level(LogLevel level) { g_level = level; }

void log(LogLevel level, std::string_view event, std::string_view message, std::initializer_list<LogField> fields) {
  if (level < g_level.load(std::memory_order_relaxed)) return;
  std::string line = fmt::format("{{\"time\":\"{}\",\"level\":\"{}\",\"event\":{},\"message\":{}",
                                 to_iso8601(SystemClock().now().wall), level_name(level), json_quote(event),
                                 json_quote(message));
  for (const auto& [key, value] : fields) line += fmt::format(",{}:{}", json_quote(key), json_quote(value));
  line += "}\n";
  // One write per line, so that lines of several threads and processes do not mix.
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace postern
