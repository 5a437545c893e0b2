#pragma once
// The configuration in force and its file. The file is text in the syntax of `show`, written whole and durably before
// anybody is told; a crash at any moment leaves the old or the new configuration.
#include <filesystem>
#include <functional>
#include <memory>
#include <vector>

#include "gateway/config/tree.h"

namespace postern::gateway::config {

class ConfigStore {
 public:
  /// Reads `path`; a file that is not there is an empty configuration. Errors: those of the file system, and
  /// kInvalidArgument with the line that is wrong: the program then must not start with less than was configured.
  static Result<std::unique_ptr<ConfigStore>> open(const Schema& schema, std::filesystem::path path);
  /// Without a file: for tests.
  static std::unique_ptr<ConfigStore> in_memory(const Schema& schema);

  Snapshot current() const { return current_; }
  Transaction begin(Actor actor = Actor::kAdministrator) const { return Transaction(current_, actor); }

  /// A further demand on every new configuration, such as "this PEM parses". Asked before anything is written.
  using Check = std::function<Status(const ConfigTree& next)>;
  void add_check(Check check) { checks_.push_back(std::move(check)); }

  /// After each commit that changed something, in the order of registration, on the thread that committed.
  using Observer = std::function<void(const ConfigTree& before, const ConfigTree& after)>;
  void observe(Observer observer) { observers_.push_back(std::move(observer)); }

  /// All or nothing. Errors: kConflict (one of the tables touched was changed since the transaction began: nothing of
  /// it is taken; or no administrator would be left who can sign in), those of validation, of the checks, of writing the
  /// file; the configuration then stays as it was.
  Status commit(const Transaction& transaction);

 private:
  ConfigStore(const Schema& schema, std::filesystem::path path);
  std::filesystem::path path_;  // empty: in memory
  Snapshot current_;
  std::vector<Check> checks_;
  std::vector<Observer> observers_;
};

}  // namespace postern::gateway::config
