#pragma once
// How facts are read. A collector reads one family below a root directory and says of each fact what it is, or why it can't be told.
#include <filesystem>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "posture/fact.h"

namespace postern::agent {

class Facts {
 public:
  Facts(std::filesystem::path root, WallTime now) : root_(std::move(root)), now_(now) {}

  void know(std::string_view key, posture::FactValue value, std::string source) {
    map_[std::string(key)] = {std::move(value), now_, std::move(source)};
  }
  void unknown(std::string_view key, posture::UnknownReason reason, std::string source) {
    map_[std::string(key)] = {posture::Unknown{reason}, now_, std::move(source)};
  }
  /// A trimmed text, or unknown with the error's reason; an empty text is unknown, unsupported.
  void text(std::string_view key, const Result<std::string>& text, std::string source);

  /// Another root file system than the running one: facts of running things are not to be had.
  bool foreign() const { return root_ != "/"; }
  std::filesystem::path path(std::string_view absolute) const { return root_ / std::filesystem::path(absolute).relative_path(); }
  const posture::FactMap& map() const { return map_; }

 private:
  std::filesystem::path root_;
  WallTime now_;
  posture::FactMap map_;
};

using Collector = void (*)(Facts&);

// One function per family, each in a file of its own name.
void collect_os(Facts& facts);
void collect_hardware(Facts& facts);
void collect_users(Facts& facts);
void collect_network(Facts& facts);
void collect_protection(Facts& facts);
void collect_agent(Facts& facts);

/// All families.
posture::FactMap collect_all(const std::filesystem::path& root, WallTime now);

/// The package inventory's canonical text. Errors: those of reading and of src/vuln's parsers.
Result<std::string> collect_inventory(const std::filesystem::path& root);

}  // namespace postern::agent
