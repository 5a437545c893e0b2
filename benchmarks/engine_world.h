#pragma once
// What the engine's benchmark evaluates: endpoints with a hundred facts each, five hundred tags, and the same tags as
// SQL and as plain code.
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "posture/fact.h"
#include "posture/tag.h"

namespace postern::bench {

inline constexpr int kNull = -1;  ///< Nobody knows.

/// One fact of all endpoints. What SQL and plain code see of a value is a number: 0 or 1, a count, a version as one
/// number, a bit per entry of a list.
struct FactOf {
  enum class Kind { kFlag, kNumber, kVersion, kList, kFindings };
  std::string key;
  std::string sql;  ///< The column's name.
  Kind kind = Kind::kFlag;
  std::vector<posture::FactValue> values;  ///< By code; code 0 is not reported.
  std::vector<int> numbers;                ///< By code; kNull: unknown.
  std::vector<std::uint16_t> codes;        ///< By endpoint.
};

struct ConditionOf {
  std::size_t fact = 0;
  int number = 0;        ///< What it is held against: a threshold, a bit, a severity.
  bool at_least = true;  ///< Else: at most, or below for versions.
  posture::RuleSpec rule;
  std::string sql;
};

/// (a ∘ b) ∘ (c ∘ d), from the left as far as there are conditions.
struct TagOf {
  struct Term {
    std::size_t condition = 0;
    bool negate = false;
  };
  std::vector<Term> terms;
  bool all[3] = {true, true, true};  ///< Of the first pair, of the second, and between them.
  posture::TagDefinition definition;
  std::string sql;
};

class World {
 public:
  World(std::size_t endpoints, std::size_t tags);

  std::size_t endpoints() const { return endpoints_; }
  const std::vector<FactOf>& facts() const { return facts_; }
  const std::vector<ConditionOf>& conditions() const { return conditions_; }
  const std::vector<TagOf>& tags() const { return tags_; }
  /// Another tag of the same kind.
  TagOf draft(std::size_t number);

  posture::Fact fact_of(const FactOf& fact, std::size_t code) const;
  /// By plain code over one endpoint's numbers: 0, 1 or kNull.
  int judge(const TagOf& tag, std::size_t endpoint) const;
  std::uint32_t below(std::uint32_t bound) { return static_cast<std::uint32_t>(random_() % bound); }

  /// The columns' names with their types, and one endpoint's values, comma-separated; nothing stands for NULL.
  std::string sql_columns() const;
  std::string sql_values(std::size_t endpoint) const;

 private:
  void add_flags(const std::string& prefix, const std::string& suffix, int count);
  void add_numbers(std::string_view key, std::vector<int> numbers);
  void add_lists(std::string_view key, const std::vector<std::string>& entries);
  void add_kernels();
  void add_package(const std::string& name);
  void add_findings();
  FactOf& add(std::string key, FactOf::Kind kind);
  void value(FactOf& fact, posture::FactValue value, int number);
  void spread(FactOf& fact, std::uint32_t unknown_in_100);
  ConditionOf& condition(std::size_t fact, const char* type, int number);
  void make_conditions();
  int judge(const ConditionOf& condition, std::size_t endpoint) const;
  bool one_in(std::uint32_t n) { return below(n) == 0; }

  std::size_t endpoints_;
  std::vector<FactOf> facts_;
  std::vector<ConditionOf> conditions_;
  std::vector<TagOf> tags_;
  std::mt19937 random_{5};
};

}  // namespace postern::bench
