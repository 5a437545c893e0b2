#pragma once
// One line of JSON per event on standard error: time, level, event (a stable dotted id), message, fields.
// Secrets have no place in it; callers pass ids, never keys, codes or tokens.
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace postern {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

using LogField = std::pair<std::string_view, std::string>;

/// Thread: any. `event` is stable, such as "fabric.connected"; `message` is for a person.
void log(LogLevel level, std::string_view event, std::string_view message,
         std::initializer_list<LogField> fields = {});

inline void log_info(std::string_view event, std::string_view message, std::initializer_list<LogField> fields = {}) {
  log(LogLevel::kInfo, event, message, fields);
}
inline void log_warning(std::string_view event, std::string_view message, std::initializer_list<LogField> fields = {}) {
  log(LogLevel::kWarning, event, message, fields);
}
inline void log_error(std::string_view event, std::string_view message, std::initializer_list<LogField> fields = {}) {
  log(LogLevel::kError, event, message, fields);
}

/// Events under this level are dropped. Default kInfo.
void set_log_level(LogLevel level);

/// `text` as a JSON string with its quotes, control characters (is_control) escaped; bytes that are not UTF-8 become
/// U+FFFD.
std::string json_quote(std::string_view text);

}  // namespace postern
