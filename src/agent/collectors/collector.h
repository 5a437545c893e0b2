#pragma once
// How facts are read. A collector reads one family below a root directory and says of each fact what it is, or why it
// can't be told. Adding a family: a folder with its parser, its reader and their test, and a line in registry.cc.
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "posture/fact.h"
#include "posture/unknown_source.h"

namespace postern::agent {

/// The source of facts that only a running system has.
inline constexpr const char* kForeignRoot = "another root file system";

/// What the collectors read so far.
class Facts {
 public:
  /// `root` is a directory; "/" (or what leads there) is the running system.
  Facts(std::filesystem::path root, WallTime now);

  void know(std::string_view key, posture::FactValue value, std::string source) {
    map_[std::string(key)] = {std::move(value), now_, std::move(source)};
  }
  void unknown(std::string_view key, posture::UnknownReason reason, std::string source) {
    map_[std::string(key)] = {posture::Unknown{reason}, now_, std::move(source)};
  }
  /// The same, and why in words.
  void unknown(std::string_view key, posture::UnknownReason reason, std::string_view source, std::string_view why) {
    unknown(key, reason, posture::unknown_source(source, why));
  }
  /// A trimmed text, or unknown with the error's reason; an empty text is unknown, unsupported: there is none.
  void text(std::string_view key, const Result<std::string>& text, std::string source);

  /// The file of that absolute name below the root; links inside it that lead out of it lead into it, as chroot would.
  Result<std::string> read(std::string_view absolute, std::size_t limit) const;
  bool exists(std::string_view absolute) const;
  std::filesystem::path path(std::string_view absolute) const;

  /// Another root file system than the running one: facts of running things are not to be had.
  bool foreign() const { return foreign_; }
  WallTime now() const { return now_; }
  const std::filesystem::path& root() const { return root_; }
  const posture::FactMap& map() const { return map_; }
  posture::FactMap take() { return std::move(map_); }

 private:
  std::filesystem::path root_;
  bool foreign_;
  WallTime now_;
  posture::FactMap map_;
};

/// Why a thing that could not be read is unknown.
posture::UnknownReason reason_of(const Error& error);
/// The same of a file, in words; `limit` is how large it may be.
std::string words_of(const Error& error, std::uint64_t limit = 0);

/// One family.
struct Collector {
  std::string_view name;
  void (*collect)(Facts&);
  /// Files whose change means: collect again. Read below no other root than "/".
  std::span<const std::string_view> files;
  /// Further such files, which depend on what stands in the others; null: there are none.
  std::vector<std::string> (*more_files)(const Facts&) = nullptr;
};

/// All families, in the order in which they stand in registry.cc.
std::span<const Collector> collectors();
/// REQUIRES: there is one.
const Collector& collector(std::string_view name);

/// All files whose change means that the family is to be collected again, as of now.
std::vector<std::string> files_of(const Collector& family, const Facts& facts);

/// Everything that would be reported of this root, without probes.
posture::FactMap collect_all(const std::filesystem::path& root, WallTime now);

}  // namespace postern::agent
