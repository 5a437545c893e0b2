#pragma once
// The history of the configuration: each commit's whole text, with who made it, when and by what. It is bounded by number
// and bytes, the oldest go; and it is a help, never a condition: nothing in it can keep the gateway from starting.
//
// A revision is written, durably, before the configuration file that names it (docs/adr/0013): staged, until that file
// is there.
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace postern::gateway::config {

/// Who changes the configuration, and by what.
struct Author {
  std::string name = "gateway";  ///< An administrator, an API user, the user at the other end of the socket, or "gateway".
  std::string by = "gateway";    ///< "cli", "api", "rollback", "restore", "import", "reset", "start" or "gateway".
  std::string comment = {};
  friend bool operator==(const Author&, const Author&) = default;
};

struct Revision {
  std::uint64_t id = 0;     ///< From 1 on; never given twice to what came into force.
  WallTime time{};
  Author author;
  std::string summary;      ///< What changed against the one before, for people; one line.
  std::uint64_t bytes = 0;  ///< Of its file.
  std::string damage;       ///< Not empty: its file can't be used, and why.
};

/// Thread: one.
class Revisions {
 public:
  struct Limits {
    std::size_t count = 500;
    std::uint64_t bytes = 64u << 20;
  };
  static constexpr std::size_t kMaxComment = 255;

  /// In memory, for tests.
  Revisions() = default;
  /// Those kept in `directory`, which need not exist. What is damaged there is listed as such and told to the log.
  Revisions(std::filesystem::path directory, const Limits& limits);

  /// Ascending.
  const std::map<std::uint64_t, Revision>& all() const { return all_; }
  std::uint64_t newest() const { return all_.empty() ? 0 : all_.rbegin()->first; }
  const Revision* find(std::uint64_t id) const;

  /// Durable when it returns, and one of all() once it is confirmed. Errors: of the file system.
  Status stage(Revision revision, const std::string& text);
  /// It came into force. A failure goes to the log: the next start confirms what the configuration file names.
  void confirm(std::uint64_t id);
  void discard(std::uint64_t id);  ///< It did not.
  /// At the start: those staged up to `named`, the revision in force, came into force, the others did not.
  void settle(std::uint64_t named);
  /// The whole text. Errors: kNotFound, kDataLoss (damaged).
  Result<std::string> text(std::uint64_t id) const;
  /// Errors: kNotFound, kDataLoss, kInvalidArgument (too long), of the file system.
  Status comment(std::uint64_t id, std::string_view comment);
  /// Errors: kNotFound, of the file system.
  Status remove(std::uint64_t id);
  /// Removes the oldest beyond the limits, `keep` never.
  void prune(std::uint64_t keep);

  const std::filesystem::path& directory() const { return directory_; }

 private:
  std::filesystem::path file(std::uint64_t id) const;
  std::filesystem::path staged_file(std::uint64_t id) const;
  void load(const std::filesystem::path& path);
  void read(std::uint64_t id);

  std::filesystem::path directory_;  // empty: in memory
  Limits limits_;
  std::map<std::uint64_t, Revision> all_;
  std::map<std::uint64_t, Revision> staged_;
  std::map<std::uint64_t, std::string> texts_;  // in memory
};

/// A revision that a person names by its number, for messages: "there is no revision 7 (kept: 2 to 41)".
Result<std::uint64_t> revision_argument(const Revisions& revisions, std::string_view text);

}  // namespace postern::gateway::config
