#pragma once
// A text of commands that is taken whole or not at all: what is known of it between its lines. The session carries the
// lines out; this decides which of them are looked at after one that is wrong, and says at the end what became of it.
// Pure; thread: one.
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/config/editor.h"

namespace postern::gateway::cli {

class Script {
 public:
  /// After so many wrong lines the rest is not looked at.
  static constexpr std::size_t kMaxWrong = 200;

  /// A line comes; `begins`: it is no continuation of a quote or an answer.
  void next_line(bool begins);
  std::size_t line() const { return begun_; }  ///< Where the command at hand began, from 1.
  std::size_t last_line() const { return read_; }
  bool wrong() const { return wrong_ > 0; }
  bool stopped() const { return stopped_at_ != 0; }

  /// Belongs to a block whose beginning is wrong: it is not looked at. Once per command, in order.
  bool skips(const std::vector<std::string>& words, const config::Editor& editor);
  /// A configuration command has done its work: `before` is the editor as it stood then.
  void moved(std::string_view verb, const config::Editor& before, const config::Editor& after,
             const std::vector<std::string>& words);
  /// A command failed: `verb` is what it was taken for, empty: for none. Puts the editor where the text goes on. False: it
  /// follows from a line that was told before (an attribute is missing whose value was wrong), and is not told.
  bool failed(std::string_view verb, const std::vector<std::string>& words, std::string_view error,
              config::Editor& editor);
  /// A command behind a wrong line: not run. `changes`: the lines behind it may be answers to it, so that nothing more
  /// is looked at.
  void not_run(bool changes);
  /// What stands before this line is in force.
  void committed();
  /// The command of this line has done its work.
  void carried_out() { in_force_up_to_ = read_; }

  /// Commands of the blocks that are complete and not committed: for doing them again after `abort`.
  const std::vector<std::vector<std::string>>& complete_blocks() const { return blocks_; }

  /// What only the whole text shows: names that are in no table. "line 7: …" each; nothing when a block was skipped that
  /// may have brought them.
  std::vector<std::string> unknown_names(const config::ConfigTree& staged) const;
  /// "line 7: " of the object that an error of a commit begins with; empty: no line is known.
  std::string blame(std::string_view error) const;
  void count_wrong(std::size_t more) { wrong_ += more; }
  /// One line without its end: how much is wrong, and what of the text is in force.
  std::string verdict() const;

 private:
  struct Reference {
    std::size_t line;
    config::ObjectPath path;
    std::string attribute;
  };
  /// Lines up to the end of a block that is not looked at.
  struct Skip {
    bool entry = false;      // ends at its `next`, or before the `end` of its table; else at its own `end`
    std::size_t depth = 0;   // tables opened within
  };

  std::size_t read_ = 0, begun_ = 0;
  std::size_t wrong_ = 0, first_wrong_ = 0;
  std::size_t stopped_at_ = 0;
  std::size_t in_force_up_to_ = 0;
  std::size_t skipped_ = 0, not_run_ = 0;
  std::optional<Skip> skip_;
  bool unknown_before_ = false;  // the line before was no command: it may have opened a block
  std::vector<config::Editor> way_;  // the editor before each `config` and `edit` that is open
  std::vector<std::vector<std::string>> block_, blocks_;
  std::vector<Reference> references_;
  std::map<std::string, std::size_t, std::less<>> places_;  // by config::describe
  std::vector<std::string> mistaken_;  // "table key: attribute:" of values that were wrong
};

}  // namespace postern::gateway::cli
