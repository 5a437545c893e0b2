// file.exists:, file.sha256:, file.modified_at:, file.matches: and directory.exists:.
#include "agent/collectors/asked/files.h"

#include <re2/re2.h>
#include <sys/stat.h>

#include <algorithm>
#include <climits>
#include <ctime>

#include "agent/collectors/asked.h"
#include "agent/collectors/file_hash.h"
#include "agent/watch/path_trace.h"
#include "base/file.h"
#include "base/text.h"
#include "posture/fact_keys.h"
#include "posture/regex_limits.h"

namespace postern::agent {
namespace files_family {
namespace {

namespace keys = posture::keys;
using posture::UnknownReason;

/// Content and times change without an event when somebody writes through a mapping that stays open. Hashing costs a look
/// at the file's times then, see hash_file.
constexpr Seconds kLook{60};
constexpr std::int64_t kPatternMemory = 8 << 20;
/// A search that costs less is done again whenever it is its turn.
constexpr std::chrono::milliseconds kMuchToSearch{20};
constexpr std::chrono::microseconds kStepsOfAByte{5};
constexpr std::size_t kLineCost = 64;            // what a line costs beside its bytes, in bytes
constexpr std::size_t kLookAtClock = 8u << 10;   // after so many

/// Where a rule's path leads below the root, or why not.
struct Place {
  PathTrace trace;
  std::string path;
};

Place find_place(const Facts& facts, const std::string& path) {
  Place out{.trace = {}, .path = facts.path(path).native()};
  out.trace = trace_path(out.path);
  // What path_in_root makes of a loop has a name that no file can have.
  const auto name = std::string_view(out.path).substr(out.path.rfind('/') + 1);
  if (facts.foreign() && out.trace.end == PathTrace::End::kFailed && name.size() > NAME_MAX)
    out.trace.end = PathTrace::End::kLoop;
  return out;
}

/// There is no regular file, and nothing kept us from seeing so.
bool missing(const PathTrace& trace) {
  return trace.end == PathTrace::End::kMissing || trace.end == PathTrace::End::kOther;
}

/// What a path leads to can't be told.
void unseen(Facts& facts, const std::string& key, const std::string& path, const PathTrace& trace) {
  const bool denied = trace.end == PathTrace::End::kDenied;
  facts.unknown(key, denied ? UnknownReason::kDenied : UnknownReason::kFailed, path, why_unseen(trace.end));
}

void exists(const std::string& path, Facts& facts) {
  const auto key = keys::file_exists(path);
  const auto [trace, place] = find_place(facts, path);
  if (trace.end == PathTrace::End::kRegular || missing(trace)) {
    return facts.know(key, trace.end == PathTrace::End::kRegular, path);
  }
  unseen(facts, key, path, trace);
}

void directory(const std::string& path, Facts& facts) {
  const auto key = keys::with(keys::kDirectoryExists, path);
  const auto [trace, place] = find_place(facts, path);
  if (trace.end != PathTrace::End::kRegular && !missing(trace)) return unseen(facts, key, path, trace);
  const bool is = path == "/" || (trace.end == PathTrace::End::kOther && !trace.target.empty());
  facts.know(key, is, path);
}

void hash(const std::string& path, Facts& facts) {
  const auto key = keys::with(keys::kFileSha256, path);
  const auto [trace, place] = find_place(facts, path);
  if (missing(trace)) return facts.know(key, std::string(), path);
  if (trace.end != PathTrace::End::kRegular) return unseen(facts, key, path, trace);
  const auto found = hash_file(place);
  if (found) return facts.know(key, *found, path);
  if (found.error().code == ErrorCode::kNotFound) return facts.know(key, std::string(), path);
  facts.unknown(key, reason_of(found.error()), path, words_of(found.error(), kMaxHashedBytes));
}

void modified(const std::string& path, Facts& facts) {
  const auto key = keys::with(keys::kFileModifiedAt, path);
  const auto [trace, place] = find_place(facts, path);
  if (missing(trace)) return facts.know(key, std::int64_t{0}, path);
  if (trace.end != PathTrace::End::kRegular) return unseen(facts, key, path, trace);
  struct stat st {};
  if (::stat(place.c_str(), &st) != 0) return facts.unknown(key, UnknownReason::kFailed, path, "it changed while it was read");
  facts.know(key, std::int64_t{st.st_mtim.tv_sec} * 1000 + st.st_mtim.tv_nsec / 1'000'000, path);
}

std::string why_not(LineSearch search) {
  switch (search) {
    case LineSearch::kNoPattern: return "the pattern is no regular expression of RE2's";
    case LineSearch::kPatternTooLarge: return "the pattern is too large: make it simpler";
    case LineSearch::kLineTooLong: return "no line matches as far as lines are looked at, and one is longer than 64 KiB";
    case LineSearch::kTooSlow: return "searching it takes too long: make the pattern simpler";
    default: return {};
  }
}

void tell_search(Facts& facts, const std::string& key, const std::string& path, LineSearch found) {
  const bool known = found == LineSearch::kFound || found == LineSearch::kNotFound;
  if (known) return facts.know(key, found == LineSearch::kFound, path);
  facts.unknown(key, UnknownReason::kFailed, path, why_not(found));
}

FileMemory& search_memory() {
  static FileMemory memory;
  return memory;
}

void matches(const std::string& argument, Facts& facts) {
  const auto key = keys::with(keys::kFileMatches, argument);
  const auto asked = parse_file_matches(argument);
  if (!asked) return facts.unknown(key, UnknownReason::kUnsupported, "this agent does not know it");
  const auto& [path, pattern] = *asked;
  const auto [trace, place] = find_place(facts, path);
  if (missing(trace)) return facts.know(key, false, path);
  if (trace.end != PathTrace::End::kRegular) return unseen(facts, key, path, trace);
  // Before it is read: if it changes meanwhile, what is remembered is of a file that is no more.
  struct stat st {};
  const bool seen = ::stat(place.c_str(), &st) == 0;
  const auto before = SystemClock().now();
  const auto kept = seen ? search_memory().find(st, pattern, before.mono) : std::nullopt;
  if (kept) return tell_search(facts, key, path, static_cast<LineSearch>(kept->front()));
  const auto began = processor_time();
  const auto text = read_file(place, kMaxMatchedBytes);
  if (!text) {
    if (text.error().code == ErrorCode::kNotFound) return facts.know(key, false, path);
    return facts.unknown(key, reason_of(text.error()), path, words_of(text.error(), kMaxMatchedBytes));
  }
  const auto found = search_lines(*text, pattern);
  if (seen && processor_time() - began >= kMuchToSearch) search_memory().keep(st, pattern, {static_cast<char>(found)}, before);
  tell_search(facts, key, path, found);
}

/// Nothing but content costs, and a pattern as much as it may where nobody has seen what it does.
std::chrono::nanoseconds cost(const Question& question, const Facts& facts) {
  std::chrono::nanoseconds out{0};
  const auto size_of = [&](const std::string& path, struct stat& st) {
    return ::stat(facts.path(path).c_str(), &st) == 0 && S_ISREG(st.st_mode) ? static_cast<std::uint64_t>(st.st_size) : 0;
  };
  struct stat st {};
  for (const auto& path : question.arguments(keys::kFileSha256)) {
    const auto size = size_of(path, st);
    if (size > 0 && size <= kMaxHashedBytes && !hash_remembered(st)) out += kHashCost * (size >> 20);
  }
  for (const auto& argument : question.arguments(keys::kFileMatches)) {
    const auto asked = parse_file_matches(argument);
    const auto size = asked ? size_of(asked->first, st) : 0;
    if (size <= kMaxMatchedBytes) out += std::min<std::chrono::nanoseconds>(kStepsOfAByte * size, kMaxSearch);
  }
  return out;
}

struct Kind {
  std::string_view prefix;
  void (*answer)(const std::string& argument, Facts& facts);
};
constexpr Kind kKinds[] = {{keys::kFileExists, exists},
                           {keys::kFileSha256, hash},
                           {keys::kFileModifiedAt, modified},
                           {keys::kFileMatches, matches},
                           {keys::kDirectoryExists, directory}};

void answer(const Question& question, Facts& facts) {
  for (const auto& kind : kKinds) {
    for (const auto& argument : question.arguments(kind.prefix)) kind.answer(argument, facts);
  }
}

Triggers triggers(const Question& question, const Facts&) {
  Triggers out;
  for (const auto& kind : kKinds) {
    for (const auto& argument : question.arguments(kind.prefix)) {
      if (kind.prefix != keys::kFileExists && kind.prefix != keys::kDirectoryExists) {
        out.interval = kLook;
        out.few = true;
        out.why = "writing through a mapping that stays open sends no event";
      }
      if (kind.prefix != keys::kFileMatches) {
        out.files.push_back(argument);
      } else if (const auto asked = parse_file_matches(argument)) {
        out.files.push_back(asked->first);
      }
    }
  }
  return out;
}

}  // namespace
}  // namespace files_family

std::optional<std::pair<std::string, std::string>> parse_file_matches(std::string_view argument) {
  const auto colon = argument.find(':');
  if (colon == argument.npos) return std::nullopt;
  const auto length = parse_u64(argument.substr(0, colon));
  const auto rest = argument.substr(colon + 1);
  if (!length || *length == 0 || *length >= rest.size() || rest[*length] != ':') return std::nullopt;
  return std::pair(std::string(rest.substr(0, *length)), std::string(rest.substr(*length + 1)));
}

std::chrono::nanoseconds processor_time() {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec);
}

LineSearch search_lines(std::string_view text, const std::string& pattern, ProcessorTime spent) {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(files_family::kPatternMemory);
  const RE2 regex(pattern, options);
  const bool large = regex.error_code() == RE2::ErrorPatternTooLarge || regex.error_code() == RE2::ErrorRepeatSize;
  if (!regex.ok()) return large ? LineSearch::kPatternTooLarge : LineSearch::kNoPattern;
  if (regex.ProgramSize() > posture::kMaxRegexSteps) return LineSearch::kPatternTooLarge;
  const auto end_of_time = spent() + kMaxSearch;
  bool long_line = false;
  std::size_t searched = 0;
  while (!text.empty()) {
    const auto end = text.find('\n');
    auto line = text.substr(0, end);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    const re2::StringPiece piece(line.data(), std::min(line.size(), kMaxMatchedLine));
    if (line.size() <= kMaxMatchedLine) {
      if (RE2::PartialMatch(piece, regex)) return LineSearch::kFound;
    } else {
      // What is found at the cut may be found because of the cut, as by "$".
      long_line = true;
      re2::StringPiece found;
      if (regex.Match(piece, 0, piece.size(), RE2::UNANCHORED, &found, 1) && found.data() + found.size() < piece.data() + piece.size())
        return LineSearch::kFound;
    }
    searched += piece.size() + files_family::kLineCost;
    if (searched < files_family::kLookAtClock) continue;
    searched = 0;
    if (spent() >= end_of_time && !text.empty()) return LineSearch::kTooSlow;
  }
  return long_line ? LineSearch::kLineTooLong : LineSearch::kNotFound;
}

namespace asked {
const AskedFamily& files() {
  namespace keys = posture::keys;
  static const AskedFamily kFamily{.name = "named files",
                                   .keys = {keys::kFileExists, keys::kFileSha256, keys::kFileModifiedAt,
                                            keys::kFileMatches, keys::kDirectoryExists},
                                   .answer = files_family::answer,
                                   .triggers = files_family::triggers,
                                   .apart = true,
                                   .cost = files_family::cost};
  return kFamily;
}
}  // namespace asked

}  // namespace postern::agent
