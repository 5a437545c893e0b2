#pragma once
// The words of the configuration language, applied to a transaction: used by the command line and for reading the file.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/config/tree.h"

namespace postern::gateway::config {

/// Words that may be shortened: the index of the one meant by `word`. kNotFound, or kConflict naming the candidates.
Result<std::size_t> match_word(std::string_view word, const std::vector<std::string_view>& words);

/// The same for names of several words, such as tables and commands: which of `phrases` the words from `first` on mean,
/// and how many words its name takes. The longest phrase whose words fit wins.
Result<std::pair<std::size_t, std::size_t>> match_phrase(const std::vector<std::string_view>& phrases,
                                                         const std::vector<std::string>& words, std::size_t first);

/// Where in the tables an administrator stands. Thread: one.
class Editor {
 public:
  /// One `config`, and the `edit` in it, if any.
  struct Level {
    const Table* table = nullptr;
    bool in_object = false;  ///< At once in a table without a key.
    std::string key;
  };
  enum class Outcome {
    kGoOn,
    kCommit,  ///< The outermost `end`: what is staged should be committed. The editor stands where it stood.
    kAbort,   ///< `abort`: what is staged should be dropped. The editor is at the top.
  };

  explicit Editor(const Schema& schema) : schema_(&schema) {}

  bool at_top() const { return levels_.empty(); }
  bool in_object() const { return !levels_.empty() && levels_.back().in_object; }
  const std::vector<Level>& levels() const { return levels_; }
  /// Of the object or table where we stand; in a table the last key is empty.
  ObjectPath path() const;
  void leave_all() { levels_.clear(); }
  /// Leaves the object, and with `table` its table too, whatever is wrong with it: for those who tell that and go on.
  void leave(bool table);
  /// After the tables changed under us: stands no longer in what is not there.
  void settle(const ConfigTree& tree);

  /// Tables that `config` may name here.
  const std::vector<Table>& tables() const;
  /// The table that `words`, from `first` on, name here, and how many words its name takes.
  Result<std::pair<const Table*, std::size_t>> match_table(const std::vector<std::string>& words,
                                                           std::size_t first) const;

  /// config, edit, set, unset, append, unselect, delete, rename, move, purge, next, end, abort. A command that fails
  /// changes nothing.
  Result<Outcome> run(Transaction& transaction, const std::vector<std::string>& words);

  /// Which of the words is a password in clear, if one is. `run` takes hashes only: hashing takes long, and is for
  /// those who can wait elsewhere.
  std::optional<std::size_t> clear_secret(const std::vector<std::string>& words) const;
  /// May it be one? For words of which `clear_secret` named one.
  Status check_secret(const std::vector<std::string>& words) const;

  /// What may be typed at the top, in a table, in an object: with help.
  struct Command {
    std::string_view name;
    std::string_view help;
  };
  const std::vector<Command>& commands() const;

 private:
  Status config(Transaction& t, const std::vector<std::string>& words);
  Status edit(Transaction& t, const std::vector<std::string>& words);
  Status change(Transaction& t, std::string_view command, const std::vector<std::string>& words);
  Status arrange(Transaction& t, std::string_view command, const std::vector<std::string>& words);
  Status leave_object(const Transaction& t);
  Result<Outcome> end(Transaction& t);

  const Schema* schema_;
  std::vector<Level> levels_;
};

}  // namespace postern::gateway::config
