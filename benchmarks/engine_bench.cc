// The population engine on a million endpoints: all tags of all endpoints evaluated, one changed fact, what-if. It is
// told what to measure line by line, so that its peers can be measured in turns with it:
//   full SET        all tags of all endpoints, with this instruction set ("best" for the fastest)
//   anew            the same with the fastest after every endpoint was given other facts, so that all has to be written
//   sets            the instruction sets that this processor has
//   check N         N endpoints by plain code must say the same
//   counts          per tag: how many have it, for how many it is unknown, and the sum of the numbers of those that have it
//   sqlite N        the same tags as SQL over the first N endpoints; the counts must be those of the engine
//   increments N    N times one fact of one endpoint changes
//   unrelated N     adds N tags that read other facts
//   what-if N       N drafts
//   aged N          a draft of N rules that each take facts up to another age, whose planes have to be made first
// Usage: engine_bench --endpoints N --tags N --table FILE   (FILE: what a peer is to load, as CSV; the SQL beside it)
#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "arguments.h"
#include "engine_world.h"
#include "posture/compiled_tag.h"
#include "posture/population/population.h"
#include "timing.h"

namespace {

using namespace postern;
using namespace postern::bench;
using namespace postern::posture;

constexpr TagId kFirstTag = 2;
constexpr InstructionSet kSets[] = {InstructionSet::kPlain, InstructionSet::kSse2, InstructionSet::kSsse3,
                                    InstructionSet::kAvx2, InstructionSet::kAvx512};
const Now kNow{WallTime{Millis(1'780'000'090'000)}, {}};

[[noreturn]] void fail_with(const std::string& why) {
  std::fprintf(stderr, "engine_bench: %s\n", why.c_str());
  std::exit(1);
}

template <class Work>
double milliseconds(Work&& work) {
  const Nanos start = now();
  work();
  return static_cast<double>(now() - start) / 1e6;
}

double at_share(std::vector<std::uint32_t>& sorted, double share) {
  return sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1))];
}

std::shared_ptr<const CompiledTag> compiled(const TagDefinition& definition) {
  auto tag = compile_tag(definition);
  if (!tag) fail_with(tag.error().message);
  return std::make_shared<const CompiledTag>(std::move(*tag));
}

const Kernels& kernels_named(const std::string& name) {
  if (name == "best") return best_kernels();
  for (const auto set : kSets) {
    if (instruction_set_name(set) == name && kernels_of(set) != nullptr) return *kernels_of(set);
  }
  fail_with("this processor has no " + name);
}

FactMap facts_of(const World& world, std::size_t endpoint) {
  FactMap facts;
  for (const FactOf& fact : world.facts()) {
    if (const auto code = fact.codes[endpoint]; code != 0) facts.emplace(fact.key, world.fact_of(fact, code));
  }
  return facts;
}

std::unique_ptr<Population> with_tags(const World& world, const Kernels& kernels) {
  auto population = std::make_unique<Population>(Population::Options{.kernels = kernels});
  for (std::size_t i = 0; i < world.tags().size(); ++i) {
    const Status set =
        population->set_tag(kFirstTag + static_cast<TagId>(i), compiled(world.tags()[i].definition), kNow);
    if (!set) fail_with(set.error().message);
  }
  for (std::size_t e = 0; e < world.endpoints(); ++e) {
    if (population->add(kNow) != e) fail_with("slots are not given in order");
  }
  return population;
}

class Bench {
 public:
  Bench(std::size_t endpoints, std::size_t tags) : world_(endpoints, tags) {
    for (const TagOf& tag : world_.tags()) tags_.push_back(compiled(tag.definition));
  }

  void write_table(const std::string& file) const {
    std::ofstream table(file);
    for (std::size_t e = 0; e < world_.endpoints(); ++e) table << world_.sql_values(e) << '\n';
    std::ofstream sql(file + ".sql");
    sql << world_.sql_columns() << '\n';
    for (const TagOf& tag : world_.tags()) sql << tag.sql << '\n';
    if (!table.flush() || !sql.flush()) fail_with(file + " can't be written");
  }

  void full(const std::string& set) {
    Population& population = with(set);
    const Nanos cpu = read_clock(CLOCK_THREAD_CPUTIME_ID);
    const double took = milliseconds([&] { population.evaluate(kNow); });
    const double cpu_ms = static_cast<double>(read_clock(CLOCK_THREAD_CPUTIME_ID) - cpu) / 1e6;
    std::printf("{\"set\": \"%s\", \"ms\": %.3f, \"cpu_ms\": %.3f, \"conditions\": %zu}\n", name(population).c_str(),
                took, cpu_ms, population.conditions());
  }

  void anew() {
    Population& population = with("best");
    load(population, world_.endpoints() / 2);
    const Nanos cpu = read_clock(CLOCK_THREAD_CPUTIME_ID);
    const double took = milliseconds([&] { population.evaluate(kNow); });
    const double cpu_ms = static_cast<double>(read_clock(CLOCK_THREAD_CPUTIME_ID) - cpu) / 1e6;
    std::printf("{\"set\": \"%s\", \"ms\": %.3f, \"cpu_ms\": %.3f}\n", name(population).c_str(), took, cpu_ms);
  }

  static void sets() {
    std::string list;
    for (const auto set : kSets) {
      if (kernels_of(set) != nullptr)
        list += fmt::format("{}\"{}\"", list.empty() ? "" : ", ", instruction_set_name(set));
    }
    std::printf("{\"sets\": [%s]}\n", list.c_str());
  }

  void check(std::size_t sample) {
    const Population& population = with("best");
    constexpr TagState kStates[] = {TagState::kUnknown, TagState::kAbsent, TagState::kHas};
    for (std::size_t i = 0; i < sample; ++i) {
      const Slot slot = world_.below(static_cast<std::uint32_t>(world_.endpoints()));
      for (std::size_t t = 0; t < world_.tags().size(); ++t) {
        if (population.state(slot, kFirstTag + static_cast<TagId>(t)) !=
            kStates[world_.judge(world_.tags()[t], slot) + 1])
          fail_with("the engine and plain code differ at tag " + std::to_string(t));
      }
    }
    std::printf("{\"checked\": %zu}\n", sample);
  }

  void counts() {
    const Population& population = with("best");
    std::printf("{\"counts\": [");
    for (std::size_t t = 0; t < world_.tags().size(); ++t) {
      const TagId id = kFirstTag + static_cast<TagId>(t);
      std::uint64_t sum = 0;
      population.members(id, TagState::kHas).for_each([&](Slot slot) { sum += slot; });
      const auto count = population.count(id);
      std::printf("%s[%llu, %llu, %llu]", t == 0 ? "" : ", ", static_cast<unsigned long long>(count.has),
                  static_cast<unsigned long long>(count.unknown), static_cast<unsigned long long>(sum));
    }
    std::printf("]}\n");
  }

  void sqlite(std::size_t rows);

  void unrelated(std::size_t count) {
    Population& population = with("best");
    for (std::size_t i = 0; i < count; ++i) {
      TagDefinition tag;
      tag.name = TagName("unrelated" + std::to_string(i));
      RuleSpec rule;
      rule.id = 1;
      rule.type = "running-process";
      rule.parameters["processes"] = std::vector<std::string>{"other" + std::to_string(i)};
      tag.rules = {rule};
      const Status set = population.set_tag(1'000'000 + static_cast<TagId>(i), compiled(tag), kNow);
      if (!set) fail_with(set.error().message);
    }
    std::printf("{\"unrelated\": %zu}\n", count);
  }

  void increments(std::size_t count) {
    Population& population = with("best");
    std::vector<std::uint32_t> took;
    std::size_t changed = 0;
    // Facts are made before the clock runs: an EMS has just read them too.
    std::vector<std::vector<Fact>> facts;
    for (const FactOf& fact : world_.facts()) {
      auto& list = facts.emplace_back();
      for (std::size_t code = 1; code < fact.values.size(); ++code) {
        list.push_back(world_.fact_of(fact, code));
        list.back().collected_at += Seconds(1);
      }
    }
    const std::uint64_t judged_before = population.judged();
    for (std::size_t i = 0; i < count; ++i) {
      const Slot slot = world_.below(static_cast<std::uint32_t>(world_.endpoints()));
      const std::size_t f = 1 + world_.below(static_cast<std::uint32_t>(world_.facts().size() - 1));
      const FactOf& of = world_.facts()[f];
      const std::size_t code = 1 + world_.below(static_cast<std::uint32_t>(of.values.size() - 1));
      Fact& fact = facts[f][code - 1];
      fact.collected_at += Millis(1);
      const Fact in_hand = fact;
      const Nanos start = now();
      const auto changes = population.set(slot, of.key, in_hand, kNow);
      took.push_back(static_cast<std::uint32_t>(now() - start));
      changed += changes.size();
    }
    // Beside it: all of an endpoint's tags from its facts.
    std::vector<std::uint32_t> whole;
    for (std::size_t i = 0; i < std::min<std::size_t>(count, 1000); ++i) {
      const Slot slot = world_.below(static_cast<std::uint32_t>(world_.endpoints()));
      const FactMap facts = population.facts(slot);
      std::vector<TagId> has, unknown;
      const Nanos start = now();
      for (std::size_t t = 0; t < tags_.size(); ++t) {
        const TagState state = tags_[t]->evaluate(FactView(facts, kNow));
        if (state == TagState::kHas) has.push_back(kFirstTag + static_cast<TagId>(t));
        if (state == TagState::kUnknown) unknown.push_back(kFirstTag + static_cast<TagId>(t));
      }
      whole.push_back(static_cast<std::uint32_t>(now() - start));
      const TagSets kept = population.tags(slot);
      for (std::size_t t = 0; t < tags_.size(); ++t) {
        const TagId id = kFirstTag + static_cast<TagId>(t);
        if (kept.state(id) != TagSets(has, unknown).state(id))
          fail_with("what the changes led to differs from evaluating anew");
      }
    }
    std::ranges::sort(took);
    std::ranges::sort(whole);
    std::printf(
        "{\"p50_us\": %.3f, \"p99_us\": %.3f, \"worst_us\": %.3f, \"tags_judged\": %.3f, \"tags_changed\": %.3f, "
        "\"all_p50_us\": %.3f}\n",
        at_share(took, 0.5) / 1000, at_share(took, 0.99) / 1000, at_share(took, 1) / 1000,
        static_cast<double>(population.judged() - judged_before) / static_cast<double>(count),
        static_cast<double>(changed) / static_cast<double>(count), at_share(whole, 0.5) / 1000);
  }

  void what_if(std::size_t count) {
    Population& population = with("best");
    std::vector<std::uint32_t> took;
    std::uint64_t touched = 0;
    for (std::size_t i = 0; i < count; ++i) {
      // A tag that is there, as somebody edits it: another draft under its name.
      const std::size_t t = world_.below(static_cast<std::uint32_t>(world_.tags().size()));
      TagDefinition definition = world_.draft(t).definition;
      const auto draft = compiled(definition);
      const Nanos start = now();
      const TagEffect effect = population.what_if(kFirstTag + static_cast<TagId>(t), *draft, kNow);
      took.push_back(static_cast<std::uint32_t>((now() - start) / 1000));
      touched += effect.gain.size() + effect.lose.size() + effect.become_unknown.size();
    }
    std::ranges::sort(took);
    std::printf("{\"p50_ms\": %.3f, \"p99_ms\": %.3f, \"worst_ms\": %.3f, \"endpoints_touched\": %llu}\n",
                at_share(took, 0.5) / 1000, at_share(took, 0.99) / 1000, at_share(took, 1) / 1000,
                static_cast<unsigned long long>(touched / count));
  }

  void aged(std::size_t rules) {
    Population& population = with("best");
    TagDefinition definition;
    definition.name = TagName("Aged");
    for (std::size_t i = 0; i < rules; ++i) {
      RuleSpec rule = world_.conditions()[i % world_.conditions().size()].rule;
      rule.id = static_cast<std::uint32_t>(i + 1);
      rule.max_age = Seconds(3600 + static_cast<std::int64_t>(i));
      definition.rules.push_back(std::move(rule));
    }
    const auto draft = compiled(definition);
    const double took = milliseconds([&] { population.what_if(0, *draft, kNow); });
    std::printf("{\"ms\": %.3f, \"rules\": %zu}\n", took, rules);
  }

 private:
  Population& with(const std::string& set) {
    const Kernels& kernels = kernels_named(set);
    if (!population_) {
      population_ = with_tags(world_, kernels);
      load(*population_, 0);
      population_->evaluate(kNow);
    }
    if (population_->instruction_set() != kernels.set) population_->use(kernels);
    return *population_;
  }
  /// Gives each endpoint the facts of the one so far behind it.
  void load(Population& population, std::size_t distance) const {
    for (std::size_t e = 0; e < world_.endpoints(); ++e)
      population.load(static_cast<Slot>(e), facts_of(world_, (e + distance) % world_.endpoints()), WallTime::min());
  }
  static std::string name(const Population& population) {
    return std::string(instruction_set_name(population.instruction_set()));
  }

  World world_;
  std::vector<std::shared_ptr<const CompiledTag>> tags_;
  std::unique_ptr<Population> population_;
};

/// Ends the program with what SQLite says.
void check_sql(sqlite3* db, int result) {
  if (result != SQLITE_OK) fail_with(std::string("SQLite: ") + sqlite3_errmsg(db));
}

void Bench::sqlite(std::size_t rows) {
  const Population& population = with("best");
  sqlite3* db = nullptr;
  check_sql(db, sqlite3_open(":memory:", &db));
  check_sql(db, sqlite3_exec(db, ("CREATE TABLE endpoint(" + world_.sql_columns() + "); BEGIN").c_str(), nullptr,
                             nullptr, nullptr));
  const std::string columns = world_.sql_columns();
  std::string marks = "?";
  for (const char c : columns) marks += c == ',' ? ",?" : "";
  sqlite3_stmt* insert = nullptr;
  check_sql(db, sqlite3_prepare_v2(db, ("INSERT INTO endpoint VALUES(" + marks + ")").c_str(), -1, &insert, nullptr));
  for (std::size_t e = 0; e < rows; ++e) {
    std::istringstream values(world_.sql_values(e) + ",");
    std::string one;
    for (int at = 1; std::getline(values, one, ','); ++at) {
      one.empty() ? sqlite3_bind_null(insert, at) : sqlite3_bind_int(insert, at, std::stoi(one));
    }
    if (sqlite3_step(insert) != SQLITE_DONE) check_sql(db, SQLITE_ERROR);
    sqlite3_reset(insert);
  }
  sqlite3_finalize(insert);
  check_sql(db, sqlite3_exec(db, "COMMIT", nullptr, nullptr, nullptr));
  // A hundred tags at once: a statement has at most 2,000 columns.
  std::vector<std::pair<std::uint64_t, std::uint64_t>> found;
  double took = 0;
  for (std::size_t from = 0; from < world_.tags().size(); from += 100) {
    std::string sums;
    const std::size_t to = std::min(from + 100, world_.tags().size());
    for (std::size_t t = from; t < to; ++t) {
      const std::string& sql = world_.tags()[t].sql;
      sums += (sums.empty() ? "" : ", ") + ("total(" + sql + "), count(" + sql + ")");
    }
    sqlite3_stmt* query = nullptr;
    check_sql(db, sqlite3_prepare_v2(db, ("SELECT " + sums + " FROM endpoint").c_str(), -1, &query, nullptr));
    took += milliseconds([&] {
      if (sqlite3_step(query) != SQLITE_ROW) check_sql(db, SQLITE_ERROR);
    });
    for (int i = 0; i < static_cast<int>(to - from); ++i) {
      found.emplace_back(static_cast<std::uint64_t>(sqlite3_column_double(query, 2 * i)),
                         rows - static_cast<std::uint64_t>(sqlite3_column_int64(query, 2 * i + 1)));
    }
    sqlite3_finalize(query);
  }
  sqlite3_close(db);
  for (std::size_t t = 0; t < found.size(); ++t) {
    std::uint64_t has = 0, unknown = 0;
    population.members(kFirstTag + static_cast<TagId>(t), TagState::kHas).for_each([&](Slot slot) {
      has += slot < rows ? 1 : 0;
    });
    population.members(kFirstTag + static_cast<TagId>(t), TagState::kUnknown).for_each([&](Slot slot) {
      unknown += slot < rows ? 1 : 0;
    });
    if (found[t] != std::pair(has, unknown))
      fail_with("the engine and SQLite do not count the same at tag " + std::to_string(t));
  }
  std::printf("{\"ms\": %.3f, \"endpoints\": %zu}\n", took, rows);
}

}  // namespace

int main(int argc, char** argv) {
  const Arguments arguments(argc, argv);
  Bench bench(static_cast<std::size_t>(arguments.number("endpoints")),
              static_cast<std::size_t>(arguments.number("tags")));
  if (const std::string file = arguments.text("table", ""); !file.empty()) bench.write_table(file);
  std::string line;
  while (std::getline(std::cin, line)) {
    std::istringstream words(line);
    std::string what, with;
    words >> what >> with;
    const auto number = [&] { return static_cast<std::size_t>(std::strtoul(with.c_str(), nullptr, 10)); };
    if (what == "full")
      bench.full(with);
    else if (what == "anew")
      bench.anew();
    else if (what == "sets")
      Bench::sets();
    else if (what == "check")
      bench.check(number());
    else if (what == "counts")
      bench.counts();
    else if (what == "sqlite")
      bench.sqlite(number());
    else if (what == "unrelated")
      bench.unrelated(number());
    else if (what == "increments")
      bench.increments(number());
    else if (what == "what-if")
      bench.what_if(number());
    else if (what == "aged")
      bench.aged(number());
    else
      fail_with("unknown request: " + line);
    std::fflush(stdout);
  }
}
