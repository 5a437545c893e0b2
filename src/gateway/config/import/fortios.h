#pragma once
// A FortiGate's own configuration (`show`, `show full-configuration`, a backup) taken over: what of it can be taken, line by
// line, and what of it was not and why. What is taken never lets more through than the original: a policy that would, is
// taken with `status disable` or left out. Pure: nothing is changed until the transaction is committed. Thread: any.
#include <string>
#include <string_view>
#include <vector>

#include "gateway/config/import/draft.h"
#include "gateway/config/tree.h"

namespace postern::gateway::config::fortios {

struct ReportLine {
  std::string text;     ///< Secrets masked; one line.
  Verdict verdict = Verdict::kOpen;
  std::string why;      ///< kTranslated: what it was taken as. Empty on further lines of one statement.
};

struct ReportEntry {
  std::string name;     ///< "firewall vip front".
  std::size_t line = 0; ///< Counted from 1; 0: the import makes it.
  std::string why;
};

struct Import {
  explicit Import(Transaction t) : transaction(std::move(t)) {}
  Transaction transaction;  ///< Validates.
  std::vector<ReportLine> lines;                ///< One for each line of the text, in order.
  std::vector<ReportEntry> added, changed, same;
  std::vector<ReportEntry> disabled, left_out;  ///< With the reason. What is disabled is also added or changed.
  std::vector<std::string> notices;             ///< Whole sentences without a full stop.
};

/// What this machine is.
struct Machine {
  std::vector<std::string> interfaces;  ///< Empty: not known.
};

/// Errors: those of read_source().
Result<Import> import_text(const Snapshot& base, std::string_view text, const Machine& machine);

}  // namespace postern::gateway::config::fortios
