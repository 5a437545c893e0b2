// The tag engine: all tags of all endpoints evaluated anew, and one endpoint's after a single fact changed. 500 tags of
// two conditions each over a hundred processes and files and the vulnerability counts, joined by and or or, some negated,
// some facts unknown. The same rules as one SQL statement for SQLite (in memory), and as plain code over rows; all three
// must count the same endpoints per tag, with and unknown, or the program ends with an error.
//
// Usage: engine_bench --endpoints N --rounds N
#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <random>
#include <string>
#include <vector>

#include "arguments.h"
#include "posture/engine.h"
#include "posture/fact_keys.h"
#include "timing.h"

namespace {

using namespace postern;
using namespace postern::bench;
using namespace postern::posture;

constexpr int kProcesses = 60, kFiles = 40, kColumns = kProcesses + kFiles;
constexpr int kTags = 500;
constexpr int kIncrements = 100'000;
constexpr std::array kSeverities{"low", "medium", "high", "critical"};
constexpr TagId kFirstTag = 2;

/// A truth value of three: 0, 1, or that nobody knows.
constexpr int kUnknown = -1;

struct Row {
  std::array<std::int8_t, kColumns> facts{};
  std::array<std::uint32_t, 4> findings{};  ///< By severity.
  std::uint32_t unknown_fixable = 0;
  bool scanned = true;
};

struct ConditionSpec {
  int column = 0;  ///< From kColumns on: vulnerable at severity column - kColumns.
  bool negate = false;
};

struct TagSpec {
  ConditionSpec a, b;
  bool both = true;
};

struct Counts {
  std::vector<std::uint64_t> has = std::vector<std::uint64_t>(kTags), unknown = std::vector<std::uint64_t>(kTags);
  friend bool operator==(const Counts&, const Counts&) = default;
};

class World {
 public:
  explicit World(std::size_t endpoints) : rows_(endpoints), random_(5) {
    for (auto& row : rows_) {
      for (auto& fact : row.facts) fact = static_cast<std::int8_t>(chance(20) ? kUnknown : chance(2));
      row.scanned = !chance(20);
      for (auto& n : row.findings) n = chance(3) ? below(9) : 0;
      row.unknown_fixable = chance(10) ? 1 : 0;
    }
    for (int i = 0; i < kTags; ++i) {
      tags_.push_back({condition(kColumns), condition(kColumns + 4), chance(2)});
    }
  }
  const std::vector<Row>& rows() const { return rows_; }
  const std::vector<TagSpec>& tags() const { return tags_; }
  std::uint32_t below(std::uint32_t bound) { return static_cast<std::uint32_t>(random_() % bound); }

 private:
  bool chance(std::uint32_t one_in) { return below(one_in) == 0; }
  ConditionSpec condition(int columns) { return {static_cast<int>(below(static_cast<std::uint32_t>(columns))), chance(3)}; }

  std::vector<Row> rows_;
  std::vector<TagSpec> tags_;
  std::mt19937 random_;
};

// ---- the engine

std::string name_of(int column) {
  return column < kProcesses ? "proc" + std::to_string(column) : "/etc/file" + std::to_string(column - kProcesses);
}
std::string key_of(int column) {
  return column < kProcesses ? keys::process_running(name_of(column)) : keys::file_exists(name_of(column));
}

RuleSpec rule_of(std::uint32_t id, const ConditionSpec& condition) {
  RuleSpec rule;
  rule.id = id;
  rule.negate = condition.negate;
  if (condition.column >= kColumns) {
    rule.type = "vulnerable-devices";
    rule.parameters["severity"] = std::string(kSeverities[static_cast<std::size_t>(condition.column - kColumns)]);
  } else {
    const bool process = condition.column < kProcesses;
    rule.type = process ? "running-process" : "file";
    rule.parameters[process ? "processes" : "paths"] = std::vector<std::string>{name_of(condition.column)};
  }
  return rule;
}

void must(const Status& status) {
  if (status) return;
  std::fprintf(stderr, "engine_bench: %s\n", status.error().message.c_str());
  std::exit(1);
}

TagEngine engine_of(const World& world) {
  TagEngine engine;
  for (int i = 0; i < kTags; ++i) {
    const auto& spec = world.tags()[static_cast<std::size_t>(i)];
    TagDefinition tag;
    tag.name = TagName("tag" + std::to_string(i));
    tag.rules = {rule_of(1, spec.a), rule_of(2, spec.b)};
    tag.logic[OsFamily::kLinux] = spec.both ? "1 and 2" : "1 or 2";
    must(engine.set(kFirstTag + static_cast<TagId>(i), std::move(tag)));
  }
  return engine;
}

Fact fact_of(int value) {
  const WallTime then{Millis(1'780'000'000'000)};
  if (value == kUnknown) return {Unknown{UnknownReason::kFailed}, then, "bench"};
  return {value == 1, then, "bench"};
}

std::vector<FactMap> facts_of(const World& world) {
  std::vector<FactMap> out;
  for (const auto& row : world.rows()) {
    FactMap facts;
    facts.emplace(keys::kOsFamily, Fact{std::string("linux"), {}, "bench"});
    for (int c = 0; c < kColumns; ++c) facts.emplace(key_of(c), fact_of(row.facts[static_cast<std::size_t>(c)]));
    if (row.scanned) {
      VulnerabilityCounts counts;
      counts.low = row.findings[0];
      counts.medium = row.findings[1];
      counts.high = row.findings[2];
      counts.critical = row.findings[3];
      counts.unknown_fixable = row.unknown_fixable;
      facts.emplace(keys::kEmsVulnerabilities, Fact{counts, {}, "ems"});
    }
    out.push_back(std::move(facts));
  }
  return out;
}

Counts count_by_engine(const TagEngine& engine, const std::vector<FactMap>& facts) {
  Counts out;
  for (const auto& endpoint : facts) {
    const auto sets = engine.evaluate_all(endpoint, {});
    for (const TagId id : sets.has()) {
      if (id >= kFirstTag) ++out.has[id - kFirstTag];
    }
    for (const TagId id : sets.unknown()) {
      if (id >= kFirstTag) ++out.unknown[id - kFirstTag];
    }
  }
  return out;
}

// ---- plain code over rows

int judge(const Row& row, const ConditionSpec& condition) {
  int out = kUnknown;
  if (condition.column < kColumns) {
    out = row.facts[static_cast<std::size_t>(condition.column)];
  } else if (row.scanned) {
    const auto from = row.findings.begin() + (condition.column - kColumns);
    const bool found = std::any_of(from, row.findings.end(), [](auto n) { return n > 0; });
    out = found ? 1 : row.unknown_fixable > 0 ? kUnknown : 0;
  }
  return out == kUnknown || !condition.negate ? out : 1 - out;
}

Counts count_by_rows(const World& world) {
  Counts out;
  for (const auto& row : world.rows()) {
    for (std::size_t i = 0; i < kTags; ++i) {
      const auto& tag = world.tags()[i];
      const int a = judge(row, tag.a), b = judge(row, tag.b);
      const int decisive = tag.both ? 0 : 1;  // and: one that isn't so decides; or: one that is
      const int verdict = a == decisive || b == decisive ? decisive : a == kUnknown || b == kUnknown ? kUnknown : a;
      out.has[i] += verdict == 1 ? 1 : 0;
      out.unknown[i] += verdict == kUnknown ? 1 : 0;
    }
  }
  return out;
}

// ---- SQLite: NULL is its unknown, and its and, or, not are Kleene's

class Sql {
 public:
  explicit Sql(const World& world) {
    check(sqlite3_open(":memory:", &db_));
    std::string create = "CREATE TABLE endpoint(id INTEGER PRIMARY KEY, s0, s1, s2, s3, fixable", marks = "?,?,?,?,?,?";
    for (int c = 0; c < kColumns; ++c) {
      create += ", c" + std::to_string(c);
      marks += ",?";
    }
    check(sqlite3_exec(db_, (create + "); BEGIN").c_str(), nullptr, nullptr, nullptr));
    sqlite3_stmt* insert = nullptr;
    check(sqlite3_prepare_v2(db_, ("INSERT INTO endpoint VALUES(" + marks + ")").c_str(), -1, &insert, nullptr));
    int id = 0;
    for (const auto& row : world.rows()) {
      int at = 1;
      sqlite3_bind_int(insert, at++, ++id);
      const auto bind = [&](bool known, int value) {
        known ? sqlite3_bind_int(insert, at++, value) : sqlite3_bind_null(insert, at++);
      };
      for (const auto n : row.findings) bind(row.scanned, static_cast<int>(n));
      bind(row.scanned, static_cast<int>(row.unknown_fixable));
      for (const auto fact : row.facts) bind(fact != kUnknown, fact);
      if (sqlite3_step(insert) != SQLITE_DONE) check(SQLITE_ERROR);
      sqlite3_reset(insert);
    }
    sqlite3_finalize(insert);
    check(sqlite3_exec(db_, "COMMIT", nullptr, nullptr, nullptr));

    std::string sums;
    for (const auto& tag : world.tags()) {
      const auto verdict = "(" + expression(tag.a) + (tag.both ? " AND " : " OR ") + expression(tag.b) + ")";
      sums += (sums.empty() ? "" : ", ") + ("total(" + verdict + "), total(" + verdict + " IS NULL)");
    }
    check(sqlite3_prepare_v2(db_, ("SELECT " + sums + " FROM endpoint").c_str(), -1, &query_, nullptr));
  }
  ~Sql() {
    sqlite3_finalize(query_);
    sqlite3_close(db_);
  }
  Sql(const Sql&) = delete;
  Sql& operator=(const Sql&) = delete;

  Counts count() {
    Counts out;
    if (sqlite3_step(query_) != SQLITE_ROW) check(SQLITE_ERROR);
    for (int i = 0; i < kTags; ++i) {
      out.has[static_cast<std::size_t>(i)] = static_cast<std::uint64_t>(sqlite3_column_double(query_, 2 * i));
      out.unknown[static_cast<std::size_t>(i)] = static_cast<std::uint64_t>(sqlite3_column_double(query_, 2 * i + 1));
    }
    sqlite3_reset(query_);
    return out;
  }

 private:
  static std::string expression(const ConditionSpec& condition) {
    std::string out = "c" + std::to_string(condition.column);
    if (condition.column >= kColumns) {
      std::string found;
      for (int s = condition.column - kColumns; s < 4; ++s) found += (found.empty() ? "s" : " OR s") + std::to_string(s) + ">0";
      out = "(CASE WHEN " + found + " THEN 1 WHEN fixable>0 THEN NULL ELSE s0*0 END)";
    }
    return condition.negate ? "NOT " + out : out;
  }
  void check(int result) {
    if (result == SQLITE_OK) return;
    std::fprintf(stderr, "engine_bench: SQLite: %s\n", sqlite3_errmsg(db_));
    std::exit(1);
  }
  sqlite3* db_ = nullptr;
  sqlite3_stmt* query_ = nullptr;
};

// ---- measuring

template <class Work>
double milliseconds(Work&& work) {
  const Nanos start = now();
  work();
  return static_cast<double>(now() - start) / 1e6;
}

/// Tags that read other facts than the endpoints have.
void add_unrelated(TagEngine& engine, int count) {
  for (int i = 0; i < count; ++i) {
    TagDefinition tag;
    tag.name = TagName("unrelated" + std::to_string(i));
    RuleSpec rule;
    rule.id = 1;
    rule.type = "running-process";
    rule.parameters["processes"] = std::vector<std::string>{"other" + std::to_string(i)};
    tag.rules = {rule};
    must(engine.set(kFirstTag + kTags + static_cast<TagId>(i), std::move(tag)));
  }
}

/// One fact of one endpoint takes another value: index, rules, changed tags. And the same by evaluating all of them.
void incremental(const TagEngine& engine, std::vector<FactMap>& facts, World& world, int unrelated) {
  std::vector<TagSets> sets;
  for (const auto& endpoint : facts) sets.push_back(engine.evaluate_all(endpoint, {}));
  std::vector<std::string> names;
  for (int c = 0; c < kColumns; ++c) names.push_back(key_of(c));
  std::vector<std::uint32_t> took;
  std::uint64_t read = 0, changed = 0;
  for (int i = 0; i < kIncrements; ++i) {
    const auto endpoint = world.below(static_cast<std::uint32_t>(facts.size()));
    const auto& key = names[world.below(kColumns)];
    auto& fact = facts[endpoint].find(key)->second;
    const bool* before = fact.as<bool>();
    fact.value = before == nullptr || !*before;
    const Nanos start = now();
    const auto affected = engine.affected_by({&key, 1});
    const auto changes = engine.reevaluate(affected, facts[endpoint], {}, sets[endpoint]);
    took.push_back(static_cast<std::uint32_t>(now() - start));
    read += affected.size();
    changed += changes.size();
  }
  std::vector<std::uint32_t> whole;
  for (int i = 0; i < 2000; ++i) {
    const auto endpoint = world.below(static_cast<std::uint32_t>(facts.size()));
    const Nanos start = now();
    const auto all = engine.evaluate_all(facts[endpoint], {});
    whole.push_back(static_cast<std::uint32_t>(now() - start));
    // What the increments have led to is what a full evaluation says.
    if (all != sets[endpoint]) {
      std::fprintf(stderr, "engine_bench: incremental and full evaluation differ\n");
      std::exit(1);
    }
  }
  std::ranges::sort(took);
  std::ranges::sort(whole);
  const auto at = [](const auto& list, double share) {
    return static_cast<double>(list[static_cast<std::size_t>(share * static_cast<double>(list.size() - 1))]) / 1000;
  };
  std::printf("{\"unrelated\": %d, \"p50_us\": %.3f, \"p99_us\": %.3f, \"all_p50_us\": %.3f, \"all_p99_us\": %.3f, "
              "\"tags_read\": %.2f, \"tags_changed\": %.2f}\n",
              unrelated, at(took, 0.5), at(took, 0.99), at(whole, 0.5), at(whole, 0.99),
              static_cast<double>(read) / kIncrements, static_cast<double>(changed) / kIncrements);
}

}  // namespace

int main(int argc, char** argv) {
  const Arguments arguments(argc, argv);
  World world(static_cast<std::size_t>(arguments.number("endpoints")));
  auto engine = engine_of(world);
  auto facts = facts_of(world);
  Sql sql(world);
  for (long round = 0; round < arguments.number("rounds"); ++round) {
    Counts ours, peer, rows;
    const double engine_ms = milliseconds([&] { ours = count_by_engine(engine, facts); });
    const double sql_ms = milliseconds([&] { peer = sql.count(); });
    const double rows_ms = milliseconds([&] { rows = count_by_rows(world); });
    if (ours != rows || ours != peer) {
      std::fprintf(stderr, "engine_bench: the engine, SQL and plain code do not count the same\n");
      return 1;
    }
    std::printf("{\"ours_ms\": %.3f, \"sqlite_ms\": %.3f, \"rows_ms\": %.3f}\n", engine_ms, sql_ms, rows_ms);
  }
  incremental(engine, facts, world, 0);
  constexpr int kUnrelated = 5000;
  add_unrelated(engine, kUnrelated);
  incremental(engine, facts, world, kUnrelated);
}
