#pragma once
// Facts that are read only while somebody asks for them: a rule of the EMS, or `postern-agent facts`. A family answers
// some keys of posture/fact_keys.h. Adding one: a file in asked/ with the family and its parsers, called as the function
// in it that gives the AskedFamily (the build lists them), with a test beside it.
#include <chrono>
#include <filesystem>
#include <functional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/collectors/collector.h"
#include "base/clock.h"
#include "posture/fact.h"

namespace postern::agent {

/// The keys of one family that somebody wishes to know.
class Question {
 public:
  Question() = default;
  explicit Question(std::set<std::string, std::less<>> keys) : keys_(std::move(keys)) {}

  bool has(std::string_view key) const { return keys_.contains(key); }
  /// The arguments of all keys with this prefix: "file.exists:" gives paths.
  std::vector<std::string> arguments(std::string_view prefix) const;
  const std::set<std::string, std::less<>>& keys() const { return keys_; }
  bool empty() const { return keys_.empty(); }
  friend bool operator==(const Question&, const Question&) = default;

 private:
  std::set<std::string, std::less<>> keys_;
};

/// What tells that an answer may be another now.
struct Triggers {
  /// Files whose content, and directories whose list of entries (and what is written to one), matter; absolute, below
  /// the root. They may be missing.
  std::vector<std::string> files = {};
  std::vector<std::string> processes = {};  ///< Names of processes whose starts and ends matter.
  bool mounts = false;                 ///< The table of mounts.
  bool network = false;                ///< Links, addresses, routes.
  bool ruleset = false;                ///< nftables' tables, chains and rules.
  /// How often to look where the kernel tells nothing of a change; 0: it tells of all of them.
  Seconds interval{0};
  std::string why = {};                ///< Why there is no event, where there is an interval.
  bool few = false;                    ///< The interval is for few changes only: of all others there is an event.
};

struct AskedFamily {
  std::string_view name;
  /// Whole keys; one that ends in a colon stands for all keys that begin so.
  std::vector<std::string_view> keys;
  /// Answers what is asked; more does no harm, what it leaves out is unknown, failed. Bounded in time and memory. Thread:
  /// any, but never two questions to one family at once, unless its keys are read apart: then never one key twice.
  void (*answer)(const Question& question, Facts& facts);
  /// Null: the answers do not change while the machine runs. Thread: loop.
  Triggers (*triggers)(const Question& question, const Facts& facts) = nullptr;
  /// Rests so long between an event and the answer: what changes in bunches is read once.
  std::chrono::milliseconds pause{0};
  bool slow = false;  ///< Waits for others (network, programs): at most one such family is at work at once.
  /// Each of its keys is read by itself, so that none waits for what another costs.
  bool apart = false;
  bool costly = false;  ///< Reads much, whatever is asked.
  /// What reading may cost of a processor at worst, as far as that can be told without reading; null: little. Thread: loop.
  std::chrono::nanoseconds (*cost)(const Question& question, const Facts& facts) = nullptr;
};

/// The families' functions, each in the file called so.
namespace asked {
#define POSTERN_LISTED(family) const AskedFamily& family();
#include "listed/agent_families.inc"
#undef POSTERN_LISTED
}  // namespace asked

/// All families, by name.
std::span<const AskedFamily* const> asked_families();
/// Who answers this key; null: nobody does.
const AskedFamily* family_of(std::string_view key);

/// The family's answer to exactly this question, whole: every key of it has a fact.
posture::FactMap answer(const AskedFamily& family, const Question& question, const std::filesystem::path& root,
                        WallTime now);
/// To any keys of any families; what no family knows is unknown, unsupported. Blocks.
posture::FactMap answer_all(const std::set<std::string, std::less<>>& keys, const std::filesystem::path& root,
                            WallTime now);
/// Of a key that no family knows.
posture::Fact unknown_key(WallTime now);
/// Every key that takes no argument, of all families.
std::set<std::string, std::less<>> keys_without_argument();

}  // namespace postern::agent
