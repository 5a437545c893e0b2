#pragma once
// The configuration in force and its file. The file is text in the syntax of `show`, written whole and durably before
// anybody is told; a crash at any moment leaves the old or the new configuration, and the history agrees with it.
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "gateway/config/merge.h"
#include "gateway/config/revisions.h"
#include "gateway/config/tree.h"

namespace postern::gateway::config {

/// What others committed while a transaction was being made, and how it stands to that.
struct Rebase {
  /// They changed a table that the transaction changes, too: whoever makes it should be told before it is committed.
  bool told = false;
  std::vector<std::string> tables;  ///< Those that both change.
  std::string they;                 ///< Who, for sentences: "root and api-user ansible".
  std::string changes;              ///< Their commits, one line each: who, by what, when, revision.
  std::string difference;           ///< What they changed in those tables (config/difference.h).
  std::vector<Clash> clashes;
};

class ConfigStore {
 public:
  struct Options {
    const Clock* clock = nullptr;  ///< nullptr: the system's. Outlives the store.
    Revisions::Limits history;
  };
  /// Reads `path`; a file that is not there, without any history, is an empty configuration. The history stands beside
  /// it, in a directory of its name with .revisions for its extension; what is wrong with that goes to the log. Errors:
  /// those of the file system, kInvalidArgument with the line that is wrong, and kDataLoss (the file is missing, empty or
  /// cut off, and the history has more): the program then must not start with less than was configured.
  static Result<std::unique_ptr<ConfigStore>> open(const Schema& schema, std::filesystem::path path,
                                                   const Options& options);
  static Result<std::unique_ptr<ConfigStore>> open(const Schema& schema, std::filesystem::path path);
  /// Makes the file of a revision anew: of the newest that is whole, or of `wanted`. For a gateway that does not run.
  /// Returns which. Errors: kNotFound, kDataLoss, of the file system.
  static Result<std::uint64_t> recover(const std::filesystem::path& path, std::optional<std::uint64_t> wanted);
  /// Without a file, and with its history in memory: for tests.
  static std::unique_ptr<ConfigStore> in_memory(const Schema& schema, const Clock* clock = nullptr);

  WallTime now() const { return clock_->now().wall; }

  Snapshot current() const { return current_; }
  Transaction begin(Actor actor = Actor::kAdministrator) const { return Transaction(current_, actor); }

  /// A further demand on every new configuration, such as "this PEM parses". Asked before anything is written.
  using Check = std::function<Status(const ConfigTree& next)>;
  void add_check(Check check) { checks_.push_back(std::move(check)); }
  /// Asked last, and by `commit` alone: it may take hold of what the new configuration needs, such as a port.
  void add_reservation(Check check) { reservations_.push_back(std::move(check)); }

  /// After each commit that changed something, in the order of registration, on the thread that committed.
  using Observer = std::function<void(const ConfigTree& before, const ConfigTree& after)>;
  void observe(Observer observer) { observers_.push_back(std::move(observer)); }

  /// Would it be committed now, as far as that can be told without doing it? Errors: those of `commit` up to its checks.
  Status check(const Transaction& transaction) const;

  /// All or nothing; what changes something is a revision of `author`. Errors: kConflict (one of the tables changed was
  /// changed by another, too, since the transaction began: nothing of it is taken, see `rebase`; or no administrator
  /// would be left who can sign in), those of validation, of the checks, of writing the files; the configuration then
  /// stays as it was.
  Status commit(const Transaction& transaction, const Author& author = {});

  /// Puts the transaction on top of what is in force now, without losing anything of either. Where they contradict each
  /// other the transaction's is taken, and told.
  Rebase rebase(Transaction& transaction) const;

  const Revisions& revisions() const { return revisions_; }
  /// The configuration of a revision. Errors: of Revisions::text; kUnsupported: this version does not know it.
  Result<Snapshot> configuration_of(std::uint64_t revision) const;
  Status comment_revision(std::uint64_t revision, std::string_view comment) { return revisions_.comment(revision, comment); }
  /// That in force stays. Errors: kConflict (it is), of Revisions::remove.
  Status remove_revision(std::uint64_t revision);

 private:
  ConfigStore(const Schema& schema, std::filesystem::path path, const Options& options);
  Result<Snapshot> checked(const Transaction& transaction) const;
  Status keep(const ConfigTree& tree, const Author& author, const std::string& summary);
  Status write_file(const std::string& text, std::uint64_t revision) const;
  Status check_whole(const std::optional<std::string>& text) const;
  void settle_history(std::uint64_t named);

  std::filesystem::path path_;  // empty: in memory
  const Clock* clock_;
  Revisions revisions_;
  Snapshot current_;
  std::vector<Check> checks_, reservations_;
  std::vector<Observer> observers_;
};

}  // namespace postern::gateway::config
