#pragma once
// What rule types demand of the texts they are given, with an error that says what is allowed. `where` names the
// parameter: "paths[2]".
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "posture/tag.h"

namespace postern::posture::rules {

/// A file's key takes 512 bytes, "file.modified_at:" and the like among them.
inline constexpr std::size_t kMaxPathBytes = 480;

/// One file has one spelling, so that it has one fact: absolute; no ".", ".." or "//" and no "/" at the end on Unix.
Status check_path(std::string_view where, std::string_view path, OsFamily os);
/// The same of each entry.
Status check_paths(std::string_view where, const std::vector<std::string>& paths, OsFamily os);

/// A process's name alone ("sshd"), or the absolute path of its executable.
Status check_process(std::string_view where, std::string_view process, OsFamily os);

bool is_sha256(std::string_view text);  ///< 64 hex digits, in any case.
Status check_sha256(std::string_view where, const std::vector<std::string>& list);

/// A regular expression (RE2's syntax) that compiles within kMaxRegexMemory, to kMaxRegexSteps at most.
Status check_regex(std::string_view where, std::string_view regex, bool any_case = false);
inline constexpr std::size_t kMaxRegexMemory = 128 * 1024;  ///< Bytes, of program and caches together.
inline constexpr std::size_t kMaxRegexBytes = 255;

}  // namespace postern::posture::rules
