#pragma once
// One administrator's session: lines in, output out; no sockets, no terminal. Changes are staged from `config` to the
// outermost `end`, which commits them whole. Thread: one.
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "gateway/cli/operations.h"
#include "gateway/config/store.h"

namespace postern::gateway::cli {

struct Reply {
  std::string output;   ///< For standard output; whole lines, except when a question is asked.
  std::string error;    ///< Not empty: the command failed; one line without a line break.
  bool more = false;    ///< A quote is open or a question was asked: the next line belongs to this command.
  bool bye = false;     ///< `exit` at the top level.
  /// The line holds a secret, or is part of a longer text: it belongs in no history.
  bool secret = false;
  /// Of the end of a script: a line each for what only the whole text shows; `error` sums up.
  std::vector<std::string> faults = {};
  bool ok() const { return error.empty(); }
};

/// A word that may come next, with its help; in the order of the tables.
struct Candidate {
  std::string word;
  std::string help;
};

class CliSession {
 public:
  /// The caller keeps `store`, `operations` and `random` alive. `user`: whose changes they are.
  CliSession(config::ConfigStore& store, GatewayOperations& operations, Random& random, std::string user = "admin");
  ~CliSession();
  CliSession(const CliSession&) = delete;
  CliSession& operator=(const CliSession&) = delete;

  using Done = std::function<void(Reply)>;
  /// Runs one line. `done` is called exactly once, now or later, unless the session is destroyed before. A line that
  /// comes while another runs fails at once. A line longer than kMaxLine is refused.
  void feed(std::string_view line, Done done);
  /// The same for the lines of a text that is taken whole or not at all: blocks stay staged beyond their `end`. A line
  /// that is wrong is told ("line 7: …"), and the lines behind it are still judged, but change nothing. Other commands
  /// (show, execute, …) put what stands before them in force; behind a wrong line they are not run.
  void feed_script(std::string_view line, Done done);
  /// Behind its last line: puts everything in force, or nothing of what is not yet.
  void end_script(Done done);
  /// Gives up what is under way: a command (its `done` is called now; what it has begun may still take effect), a question,
  /// a quote.
  void cancel();
  /// What `?` behind this beginning of a line shows.
  std::vector<Candidate> help(std::string_view line) const;
  /// Which parts of the gateway don't do their work, for a person who begins; empty: all do.
  std::string greeting() const;
  /// "gw1 # ", "gw1 (vip) # ".
  std::string prompt() const;
  /// Staged changes that are not committed would be lost now.
  bool has_staged_changes() const;
  /// Long output stops at each page on a terminal (config system console).
  bool pages() const;

  static constexpr std::size_t kMaxLine = 1u << 20;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace postern::gateway::cli
