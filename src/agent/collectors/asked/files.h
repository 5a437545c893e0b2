#pragma once
// Files that rules name.
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace postern::agent {

inline constexpr std::size_t kMaxMatchedBytes = 16u << 20;
inline constexpr std::size_t kMaxMatchedLine = 64u << 10;  ///< Of a longer line only that much is looked at.
/// Of a processor, for all lines of a file, looked at between lines; one line takes 0.4 seconds at worst
/// (posture/regex_limits.h).
inline constexpr std::chrono::milliseconds kMaxSearch{500};

/// Path and pattern of a key's argument, as keys::file_matches makes it; nothing for anything else. Pure.
std::optional<std::pair<std::string, std::string>> parse_file_matches(std::string_view argument);
enum class LineSearch {
  kFound,
  kNotFound,
  kNoPattern,        ///< It is no regular expression of RE2's.
  kPatternTooLarge,  ///< It has more than posture::kMaxRegexSteps.
  kLineTooLong,      ///< Nothing was found, and a line is longer than kMaxMatchedLine.
  kTooSlow,          ///< Nothing was found within kMaxSearch.
};
/// Processor time that this thread has used.
using ProcessorTime = std::chrono::nanoseconds (*)();
std::chrono::nanoseconds processor_time();

/// Does RE2 find the pattern in a line? Whatever text and pattern are, it takes about a second at most. Thread: any.
LineSearch search_lines(std::string_view text, const std::string& pattern, ProcessorTime spent = processor_time);

}  // namespace postern::agent
