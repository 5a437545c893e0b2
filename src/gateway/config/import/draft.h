#pragma once
// One entry of the source on its way to an object of ours: what of it can be taken, and what the rest means. Thread: any.
#include <string>
#include <string_view>
#include <vector>

#include "gateway/config/import/convert.h"
#include "gateway/config/import/known.h"
#include "gateway/config/import/outline.h"

namespace postern::gateway::config::fortios {

enum class Verdict {
  kOpen,        ///< Not judged yet.
  kNothing,     ///< Nothing to take: blank lines, comments, prompts.
  kTaken,
  kTranslated,  ///< Taken in other words; the reason says which.
  kIgnored,
};
struct Judgement {
  Verdict verdict = Verdict::kOpen;
  std::string why;
};
/// One for each statement.
using Judgements = std::vector<Judgement>;

/// Why an entry allows more here than there.
struct Wider {
  At at = 0;
  std::string why;
};

struct Reference {
  At at = 0;
  std::string attribute;
  std::string name;
  std::vector<std::string> targets;  ///< Our tables.
  Effect missing = Effect::kEntry;   ///< kLine: the attribute's default does instead.
  bool need_not_be = false;          ///< Only what the text has and is left out is missing.
};

struct Draft {
  const Entry* source = nullptr;
  const Table* table = nullptr;  ///< Ours.
  std::string from;              ///< The source's table; nested: the nested name.
  Object object;                 ///< Without nested tables until they are known to be good: see assemble().
  std::vector<Draft> nested;
  std::vector<Reference> references;
  std::vector<Wider> wider;
  std::string left_out;          ///< Not empty: why it is.
  At culprit = 0;                ///< The statement to blame for that.
  bool disabled = false;         ///< A policy that is taken with status disable.
  std::string why_disabled;
  bool unclear = false;          ///< A policy of which nobody can say what it refuses: it may refuse everything.
  bool built_in = false;         ///< Left out, because it is the same as what is built in under its name.
  bool ipv6 = false;             ///< A policy that lets IPv6 through, too.
  std::string emptied;           ///< Of an api-gateway: why it has no servers here, which refuses its requests.

  bool alive() const { return left_out.empty(); }
  bool is_policy() const { return table->ordered; }
  void leave_out(At at, std::string why) {
    if (!alive()) return;
    culprit = at;
    left_out = std::move(why);
  }
  /// "firewall vip front".
  std::string name() const { return object.key.empty() ? table->name : table->name + " " + object.key; }
  /// Of this policy or a nested draft's: of everything that it consists of.
  std::vector<Wider> all_wider() const;
  const Setting* setting(std::string_view name) const;  ///< The last of this name.
};

/// "set srcaddr lan servers".
std::string words_of(std::string_view name, const Value& values);

/// Judges each statement of the entry by itself, and then what they mean together (combined.h); references are only listed.
/// `judgements` gets a verdict for each statement of the entry and what is nested in it.
Draft draft_of(const Entry& source, const Table& table, std::string_view from, const EmsSlots& slots,
               Judgements& judgements);
/// Nothing but which requests it gets: see `emptied`. It is alive then.
void take_servers_away(Draft& api_gateway, std::string why);

/// The object with the nested ones that are alive.
Object assemble(const Draft& draft);
/// What no setting tells alone: required attributes and the table's own check, nested ones first; leaves out what is
/// not good.
void check(Draft& draft);

}  // namespace postern::gateway::config::fortios
