// file.exists:, file.sha256:, file.modified_at:, file.matches: and directory.exists:.
#include "agent/collectors/asked/files.h"

#include <re2/re2.h>
#include <sys/stat.h>

#include "agent/collectors/asked.h"
#include "agent/collectors/file_hash.h"
#include "agent/watch/path_trace.h"
#include "base/file.h"
#include "base/text.h"
#include "posture/fact_keys.h"

namespace postern::agent {
namespace files_family {
namespace {

namespace keys = posture::keys;
using posture::UnknownReason;

/// Content and times change without an event when somebody writes through a mapping that stays open. Hashing costs a look
/// at the file's times then, see hash_file.
constexpr Seconds kLook{60};
constexpr std::int64_t kPatternMemory = 8 << 20;

/// Where a rule's path leads below the root, or why not.
struct Place {
  PathTrace trace;
  std::string path;
};

Place find_place(const Facts& facts, const std::string& path) {
  Place out{.trace = {}, .path = facts.path(path).native()};
  out.trace = trace_path(out.path);
  return out;
}

/// There is no regular file, and nothing kept us from seeing so.
bool missing(const PathTrace& trace) {
  return trace.end == PathTrace::End::kMissing || trace.end == PathTrace::End::kOther;
}

UnknownReason reason_of_trace(const PathTrace& trace) {
  return trace.end == PathTrace::End::kDenied ? UnknownReason::kDenied : UnknownReason::kFailed;
}

void exists(const std::string& path, Facts& facts) {
  const auto key = keys::file_exists(path);
  const auto [trace, place] = find_place(facts, path);
  if (trace.end == PathTrace::End::kRegular || missing(trace)) {
    return facts.know(key, trace.end == PathTrace::End::kRegular, path);
  }
  facts.unknown(key, reason_of_trace(trace), path);
}

void directory(const std::string& path, Facts& facts) {
  const auto key = keys::with(keys::kDirectoryExists, path);
  const auto [trace, place] = find_place(facts, path);
  if (trace.end == PathTrace::End::kDenied || trace.end == PathTrace::End::kFailed)
    return facts.unknown(key, reason_of_trace(trace), path);
  const bool is = path == "/" || (trace.end == PathTrace::End::kOther && !trace.target.empty());
  facts.know(key, is, path);
}

void hash(const std::string& path, Facts& facts) {
  const auto key = keys::with(keys::kFileSha256, path);
  const auto [trace, place] = find_place(facts, path);
  if (missing(trace)) return facts.know(key, std::string(), path);
  if (trace.end != PathTrace::End::kRegular) return facts.unknown(key, reason_of_trace(trace), path);
  const auto found = hash_file(place);
  if (found) return facts.know(key, *found, path);
  if (found.error().code == ErrorCode::kNotFound) return facts.know(key, std::string(), path);
  facts.unknown(key, reason_of(found.error()), found.error().message);
}

void modified(const std::string& path, Facts& facts) {
  const auto key = keys::with(keys::kFileModifiedAt, path);
  const auto [trace, place] = find_place(facts, path);
  if (missing(trace)) return facts.know(key, std::int64_t{0}, path);
  struct stat st {};
  if (trace.end != PathTrace::End::kRegular || ::stat(place.c_str(), &st) != 0)
    return facts.unknown(key, reason_of_trace(trace), path);
  facts.know(key, std::int64_t{st.st_mtim.tv_sec} * 1000 + st.st_mtim.tv_nsec / 1'000'000, path);
}

void matches(const std::string& argument, Facts& facts) {
  const auto key = keys::with(keys::kFileMatches, argument);
  const auto asked = parse_file_matches(argument);
  if (!asked) return facts.unknown(key, UnknownReason::kUnsupported, "this agent does not know it");
  const auto& [path, pattern] = *asked;
  const auto [trace, place] = find_place(facts, path);
  if (missing(trace)) return facts.know(key, false, path);
  if (trace.end != PathTrace::End::kRegular) return facts.unknown(key, reason_of_trace(trace), path);
  const auto text = read_file(place, kMaxMatchedBytes);
  if (!text) {
    if (text.error().code == ErrorCode::kNotFound) return facts.know(key, false, path);
    return facts.unknown(key, reason_of(text.error()), text.error().message);
  }
  const auto found = any_line_matches(*text, pattern);
  if (!found) return facts.unknown(key, UnknownReason::kFailed, "no regular expression of RE2");
  facts.know(key, *found, path);
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

std::optional<bool> any_line_matches(std::string_view text, const std::string& pattern) {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(files_family::kPatternMemory);
  const RE2 regex(pattern, options);
  if (!regex.ok()) return std::nullopt;
  while (!text.empty()) {
    const auto end = text.find('\n');
    auto line = text.substr(0, end);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    line = line.substr(0, kMaxMatchedLine);
    if (RE2::PartialMatch(re2::StringPiece(line.data(), line.size()), regex)) return true;
  }
  return false;
}

namespace asked {
const AskedFamily& files() {
  namespace keys = posture::keys;
  static const AskedFamily kFamily{.name = "named files",
                                   .keys = {keys::kFileExists, keys::kFileSha256, keys::kFileModifiedAt,
                                            keys::kFileMatches, keys::kDirectoryExists},
                                   .answer = files_family::answer,
                                   .triggers = files_family::triggers};
  return kFamily;
}
}  // namespace asked

}  // namespace postern::agent
