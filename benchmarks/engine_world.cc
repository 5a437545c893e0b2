#include "engine_world.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "posture/fact_keys.h"

namespace postern::bench {
namespace {

using namespace posture;

const std::array kProducts{"falcon", "sentinel", "wazuh", "osquery", "velociraptor", "harfang", "cortex", "elastic"};
const std::array kModules{"apparmor", "selinux", "smack", "tomoyo"};
const std::array kSeverities{"low", "medium", "high", "critical"};
constexpr std::size_t kNumberOfFindings = 5;  // low to critical, and those without a severity that can be mended

/// "6.1.0-37-amd64" as a number that compares as the version does.
int version_number(int major, int minor, int abi) { return (major * 100 + minor) * 1000 + abi; }
std::string version_text(int number) {
  return fmt::format("{}.{}.0-{}", number / 100'000, number / 1000 % 100, number % 1000);
}

std::array<std::uint32_t, kNumberOfFindings> findings_of(const FactValue& value) {
  const auto* counts = std::get_if<VulnerabilityCounts>(&value);
  if (counts == nullptr) return {};
  return {counts->low, counts->medium, counts->high, counts->critical, counts->unknown_fixable};
}

}  // namespace

World::World(std::size_t endpoints, std::size_t tags) : endpoints_(endpoints) {
  FactOf& os = add(std::string(keys::kOsFamily), FactOf::Kind::kNumber);
  value(os, std::string("linux"), 0);
  spread(os, 0);
  add_flags(std::string(keys::kProcessRunning) + "process", "", 42);
  add_flags(std::string(keys::kServiceActive) + "unit", ".service", 20);
  add_flags(std::string(keys::kFileExists) + "/etc/file", "", 8);
  const auto up_to = [](int last, int step) {
    std::vector<int> out;
    for (int n = 0; n <= last; n += step) out.push_back(n);
    return out;
  };
  add_numbers(keys::kEmsVulnExploited, up_to(9, 1));
  add_numbers(keys::kEmsVulnTotal, up_to(240, 1));
  add_numbers(keys::kEmsVulnMaxCvss, up_to(100, 1));
  add_numbers(keys::kEmsVulnMaxEpss, up_to(10'000, 7));
  for (int i = 0; i < 8; ++i)
    add_numbers(keys::with(keys::kEmsAttributePrefix, fmt::format("score{}", i)), up_to(100, i + 1));
  add_kernels();
  for (int i = 0; i < 10; ++i) add_package(fmt::format("package{}", i));
  add_findings();
  add_lists(keys::kEdrRunning, {kProducts.begin(), kProducts.end()});
  add_lists(keys::kEdrInstalled, {kProducts.begin(), kProducts.end()});
  add_lists(keys::kSecurityModules, {kModules.begin(), kModules.end()});
  make_conditions();
  for (std::size_t i = 0; i < tags; ++i) tags_.push_back(draft(i));
}

FactOf& World::add(std::string key, FactOf::Kind kind) {
  FactOf& fact = facts_.emplace_back();
  fact.key = std::move(key);
  fact.sql = fmt::format("c{}", facts_.size() - 1);
  fact.kind = kind;
  value(fact, Unknown{}, kNull);
  return fact;
}

void World::value(FactOf& fact, FactValue value, int number) {
  fact.values.push_back(std::move(value));
  fact.numbers.push_back(number);
}

/// Small values are the more frequent.
void World::spread(FactOf& fact, std::uint32_t unknown_in_100) {
  const auto known = static_cast<std::uint32_t>(fact.values.size() - 1);
  const auto unknown = static_cast<std::uint16_t>(fact.values.size());
  value(fact, Unknown{UnknownReason::kFailed}, kNull);
  for (std::size_t i = 0; i < endpoints_; ++i) {
    const std::uint32_t dice = below(100);
    if (dice < unknown_in_100) {
      fact.codes.push_back(dice % 2 == 0 ? 0 : unknown);
    } else {
      fact.codes.push_back(static_cast<std::uint16_t>(1 + std::min(below(known), below(known))));
    }
  }
}

void World::add_flags(const std::string& prefix, const std::string& suffix, int count) {
  for (int i = 0; i < count; ++i) {
    FactOf& fact = add(fmt::format("{}{}{}", prefix, i, suffix), FactOf::Kind::kFlag);
    const bool mostly = one_in(2);
    value(fact, mostly, mostly ? 1 : 0);
    value(fact, !mostly, mostly ? 0 : 1);
    spread(fact, 5);
  }
}

void World::add_numbers(std::string_view key, std::vector<int> numbers) {
  FactOf& fact = add(std::string(key), FactOf::Kind::kNumber);
  for (const int number : numbers) value(fact, std::int64_t{number}, number);
  spread(fact, 5);
}

void World::add_kernels() {
  FactOf& fact = add(std::string(keys::kKernelRelease), FactOf::Kind::kVersion);
  for (const auto& [major, minor] : {std::pair(6, 1), std::pair(6, 12), std::pair(5, 10), std::pair(6, 8)}) {
    for (int abi = 1; abi <= 45; ++abi) {
      const int number = version_number(major, minor, abi);
      value(fact, version_text(number) + "-amd64", number);
    }
  }
  spread(fact, 3);
}

void World::add_package(const std::string& name) {
  FactOf& fact = add(keys::with(keys::kPackageVersions, name), FactOf::Kind::kVersion);
  for (int patch = 1; patch <= 30; ++patch)
    value(fact, std::vector<std::string>{fmt::format("1.{}.{}-1+deb12u{}", patch / 8, patch, patch)}, patch);
  spread(fact, 4);
}

void World::add_findings() {
  FactOf& fact = add(std::string(keys::kEmsVulnerabilities), FactOf::Kind::kFindings);
  for (int i = 0; i < 200; ++i) {
    VulnerabilityCounts counts;
    counts.low = one_in(3) ? below(90) : 0;
    counts.medium = one_in(3) ? below(60) : 0;
    counts.high = one_in(4) ? below(20) : 0;
    counts.critical = one_in(6) ? below(5) : 0;
    counts.unknown_fixable = one_in(8) ? 1 : 0;
    if (std::ranges::find(fact.values, FactValue(counts)) == fact.values.end()) value(fact, counts, 0);
  }
  spread(fact, 5);
}

void World::add_lists(std::string_view key, const std::vector<std::string>& entries) {
  FactOf& fact = add(std::string(key), FactOf::Kind::kList);
  for (int bits = 0; bits < 1 << entries.size(); ++bits) {
    if (__builtin_popcount(static_cast<unsigned>(bits)) > 3) continue;
    std::vector<std::string> list;
    for (std::size_t i = 0; i < entries.size(); ++i) {
      if ((bits >> i & 1) != 0) list.push_back(entries[i]);
    }
    value(fact, std::move(list), bits);
  }
  spread(fact, 5);
}

// ---- conditions: as a rule, and as SQL

ConditionOf& World::condition(std::size_t fact, const char* type, int number) {
  ConditionOf& out = conditions_.emplace_back();
  out.fact = fact;
  out.number = number;
  out.rule.type = type;
  return out;
}

void World::make_conditions() {
  using Texts = std::vector<std::string>;
  for (std::size_t f = 0; f < facts_.size(); ++f) {
    const FactOf& fact = facts_[f];
    const std::string_view key = fact.key;
    const auto argument = [&](std::string_view prefix) { return Texts{std::string(keys::argument_of(key, prefix))}; };
    if (key.starts_with(keys::kProcessRunning))
      condition(f, "running-process", 1).rule.parameters["processes"] = argument(keys::kProcessRunning);
    if (key.starts_with(keys::kServiceActive))
      condition(f, "service", 1).rule.parameters["services"] = argument(keys::kServiceActive);
    if (key.starts_with(keys::kFileExists))
      condition(f, "file", 1).rule.parameters["paths"] = argument(keys::kFileExists);
    for (int i = 1; i <= 5 && key == keys::kEmsVulnExploited; ++i)
      condition(f, "known-exploited", i).rule.parameters["min_count"] = std::int64_t{i};
    for (int i = 1; i <= 6 && key == keys::kEmsVulnTotal; ++i) {
      ConditionOf& one = condition(f, "vulnerability-count", i * 20);
      one.rule.parameters["max"] = std::int64_t{i * 20};
      one.at_least = false;
    }
    for (int i = 4; i <= 9 && key == keys::kEmsVulnMaxCvss; ++i)
      condition(f, "cvss", i * 10).rule.parameters["score"] = i * 1.0;
    for (int i = 1; i <= 5 && key == keys::kEmsVulnMaxEpss; ++i)
      condition(f, "epss", i * 1000).rule.parameters["probability"] = i * 1000 / 10'000.0;
    for (int i = 1; i <= 6 && key.starts_with(keys::kEmsAttributePrefix); ++i) {
      ConditionOf& one = condition(f, "attribute", i * 12);
      one.at_least = i % 2 == 0;
      one.rule.parameters["name"] = std::string(keys::argument_of(key, keys::kEmsAttributePrefix));
      one.rule.parameters["op"] = std::string(one.at_least ? ">=" : "<=");
      one.rule.parameters["number"] = std::int64_t{one.number};
    }
    for (int i = 1; i <= 6 && key.starts_with(keys::kPackageVersions); ++i) {
      const int patch = i * 4;
      ConditionOf& one = condition(f, "package", patch);
      one.at_least = i % 3 != 0;
      one.rule.parameters["packages"] = argument(keys::kPackageVersions);
      one.rule.parameters["order"] = std::string("dpkg");
      one.rule.parameters["op"] = std::string(one.at_least ? ">=" : "<");
      one.rule.parameters["version"] = fmt::format("1.{}.{}-1+deb12u{}", patch / 8, patch, patch);
    }
    for (int i = 1; i <= 8 && key == keys::kKernelRelease; ++i) {
      ConditionOf& one = condition(f, "kernel-version", version_number(6, i % 2 == 0 ? 1 : 12, i * 5));
      one.at_least = i % 4 != 0;
      one.rule.parameters["op"] = std::string(one.at_least ? ">=" : "<");
      one.rule.parameters["version"] = version_text(one.number);
    }
    for (int i = 0; i < 4 && key == keys::kEmsVulnerabilities; ++i)
      condition(f, "vulnerable-devices", i).rule.parameters["severity"] =
          std::string(kSeverities[static_cast<std::size_t>(i)]);
    for (std::size_t i = 0; i < kProducts.size() && (key == keys::kEdrRunning || key == keys::kEdrInstalled); ++i) {
      ConditionOf& one = condition(f, "edr", 1 << i);
      one.rule.parameters["products"] = Texts{kProducts[i]};
      one.rule.parameters["state"] = std::string(key == keys::kEdrRunning ? "running" : "installed");
    }
    for (std::size_t i = 0; i < kModules.size() && key == keys::kSecurityModules; ++i)
      condition(f, "linux-security", 1 << i).rule.parameters["modules"] = Texts{kModules[i]};
  }
  for (ConditionOf& one : conditions_) {
    const FactOf& fact = facts_[one.fact];
    const std::string& c = fact.sql;
    switch (fact.kind) {
      case FactOf::Kind::kFlag:
        one.sql = c;
        break;
      case FactOf::Kind::kNumber:
        one.sql = fmt::format("{} {} {}", c, one.at_least ? ">=" : "<=", one.number);
        break;
      case FactOf::Kind::kVersion:
        one.sql = fmt::format("{} {} {}", c, one.at_least ? ">=" : "<", one.number);
        break;
      case FactOf::Kind::kList:
        one.sql = fmt::format("({} & {}) <> 0", c, one.number);
        break;
      case FactOf::Kind::kFindings: {
        std::string found;
        for (int s = one.number; s < 4; ++s) found += fmt::format("{}{}_{} > 0", found.empty() ? "" : " OR ", c, s);
        one.sql =
            fmt::format("CASE WHEN {} THEN TRUE WHEN {}_4 > 0 OR {}_4 IS NULL THEN NULL ELSE FALSE END", found, c, c);
      }
    }
    one.sql = "(" + one.sql + ")";
  }
}

TagOf World::draft(std::size_t number) {
  TagOf tag;
  constexpr std::array kCounts{1, 1, 1, 2, 2, 2, 2, 3, 3, 4};  // two on average, and a little more
  tag.definition.name = TagName(fmt::format("tag{}", number));
  const int count = kCounts[below(kCounts.size())];
  for (bool& all : tag.all) all = one_in(2);
  std::vector<std::string> logic, sql;
  for (int i = 0; i < count; ++i) {
    const TagOf::Term term{below(static_cast<std::uint32_t>(conditions_.size())), one_in(3)};
    tag.terms.push_back(term);
    RuleSpec rule = conditions_[term.condition].rule;
    rule.id = static_cast<std::uint32_t>(i + 1);
    rule.negate = term.negate;
    tag.definition.rules.push_back(std::move(rule));
    logic.push_back(std::to_string(i + 1));
    sql.push_back((term.negate ? "NOT " : "") + conditions_[term.condition].sql);
  }
  const auto joined = [&](const std::vector<std::string>& texts) {
    const auto join = [&](int which) { return tag.all[which] ? " AND " : " OR "; };
    if (count == 1) return texts[0];
    const std::string first = "(" + texts[0] + join(0) + texts[1] + ")";
    if (count == 2) return first;
    const std::string second = count == 3 ? texts[2] : "(" + texts[2] + join(1) + texts[3] + ")";
    return "(" + first + join(2) + second + ")";
  };
  tag.definition.logic[OsFamily::kLinux] = joined(logic);
  tag.sql = joined(sql);
  return tag;
}

Fact World::fact_of(const FactOf& fact, std::size_t code) const {
  return {fact.values[code], WallTime{Millis(1'780'000'000'000)}, "bench"};
}

// ---- plain code

int World::judge(const ConditionOf& condition, std::size_t endpoint) const {
  const FactOf& fact = facts_[condition.fact];
  const std::size_t code = fact.codes[endpoint];
  const int number = fact.numbers[code];
  if (number == kNull) return kNull;
  switch (fact.kind) {
    case FactOf::Kind::kFlag:
      return number;
    case FactOf::Kind::kNumber:
      return condition.at_least ? number >= condition.number : number <= condition.number;
    case FactOf::Kind::kVersion:
      return condition.at_least ? number >= condition.number : number < condition.number;
    case FactOf::Kind::kList:
      return (number & condition.number) != 0;
    case FactOf::Kind::kFindings:
      break;
  }
  const auto findings = findings_of(fact.values[code]);
  for (std::size_t s = static_cast<std::size_t>(condition.number); s < 4; ++s) {
    if (findings[s] > 0) return 1;
  }
  return findings[4] > 0 ? kNull : 0;
}

int World::judge(const TagOf& tag, std::size_t endpoint) const {
  const auto join = [](bool all, int a, int b) {
    const int decisive = all ? 0 : 1;  // and: one that isn't so decides; or: one that is
    return a == decisive || b == decisive ? decisive : a == kNull || b == kNull ? kNull : a;
  };
  std::array<int, 4> v{};
  for (std::size_t i = 0; i < tag.terms.size(); ++i) {
    const int plain = judge(conditions_[tag.terms[i].condition], endpoint);
    v[i] = plain == kNull || !tag.terms[i].negate ? plain : 1 - plain;
  }
  if (tag.terms.size() == 1) return v[0];
  const int first = join(tag.all[0], v[0], v[1]);
  if (tag.terms.size() == 2) return first;
  return join(tag.all[2], first, tag.terms.size() == 3 ? v[2] : join(tag.all[1], v[2], v[3]));
}

// ---- tables

std::string World::sql_columns() const {
  std::string out = "id INTEGER";
  for (const FactOf& fact : facts_) {
    if (fact.kind == FactOf::Kind::kFindings) {
      for (std::size_t s = 0; s < kNumberOfFindings; ++s) out += fmt::format(", {}_{} INTEGER", fact.sql, s);
    } else {
      out += fmt::format(", {} {}", fact.sql, fact.kind == FactOf::Kind::kFlag ? "BOOLEAN" : "INTEGER");
    }
  }
  return out;
}

std::string World::sql_values(std::size_t endpoint) const {
  std::string out = std::to_string(endpoint);
  for (const FactOf& fact : facts_) {
    const std::size_t code = fact.codes[endpoint];
    const bool known = fact.numbers[code] != kNull;
    if (fact.kind == FactOf::Kind::kFindings) {
      const auto findings = findings_of(fact.values[code]);
      for (const auto n : findings) out += known ? "," + std::to_string(n) : ",";
    } else {
      out += known ? "," + std::to_string(fact.numbers[code]) : ",";
    }
  }
  return out;
}

}  // namespace postern::bench
