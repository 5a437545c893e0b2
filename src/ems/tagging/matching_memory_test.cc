#include "ems/tagging/matching_memory.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace postern::ems {
namespace {

std::shared_ptr<const vuln::AdvisorySet> fixed_in(std::vector<std::pair<std::string, std::string>> sources) {
  std::vector<vuln::AdvisorySet::Entry> entries;
  for (const auto& [source, fixed] : sources) {
    auto& e = entries.emplace_back();
    e.ecosystem = "Debian:12";
    e.source = source;
    e.advisory.cve = "CVE-2024-0001";
    vuln::AffectedVersions affected;
    affected.intervals.push_back({"", fixed, ""});
    e.advisory.affected = std::make_shared<const vuln::AffectedVersions>(std::move(affected));
  }
  return std::make_shared<const vuln::AdvisorySet>(vuln::AdvisorySet::build(std::move(entries)));
}

vuln::Inventory of(const std::string& source) { return {{"debian", "12"}, {{source, "all", "1", source, "1"}}}; }

TEST(MatchingMemory, KnowsSinceWhenWhatIsSaidStands) {
  const auto first = fixed_in({{"a", "2"}, {"b", "2"}}), second = fixed_in({{"a", "3"}, {"b", "2"}});
  MatchingMemory memory(first);
  const auto a = sha256("a"), b = sha256("b"), late = sha256("late");
  const auto then = memory.use(first);
  EXPECT_FALSE(memory.same_since(then, a));  // never matched
  EXPECT_EQ(memory.match(a, of("a"), {}).findings.at(0).fixed, "2");
  memory.match(b, of("b"), {});
  const auto now = memory.use(second);
  EXPECT_NE(now, then);
  EXPECT_EQ(memory.use(second), now);
  EXPECT_FALSE(memory.same_since(then, a));
  EXPECT_TRUE(memory.same_since(now, a));
  EXPECT_TRUE(memory.same_since(then, b));
  EXPECT_EQ(memory.match(a, of("a"), {}).findings.at(0).fixed, "3");
  // What was matched first by the newer one was not said before.
  memory.match(late, of("c"), {});
  EXPECT_FALSE(memory.same_since(then, late));
  EXPECT_TRUE(memory.same_since(now, late));
  memory.forget(b);
  EXPECT_FALSE(memory.same_since(now, b));
  // Back again is another generation too.
  EXPECT_GT(memory.use(first), now);
  EXPECT_FALSE(memory.same_since(now, a));
}

TEST(MatchingMemory, BeginsAnewWhenItIsFull) {
  const auto set = fixed_in({{"s1", "2"}});
  MatchingMemory memory(set, 20'000);
  const auto generation = memory.use(set);
  std::size_t known = 0;
  for (int i = 0; i < 100; ++i) {
    const auto name = "s" + std::to_string(i);
    EXPECT_EQ(memory.match(sha256(name), of(name), {}).counts.unknown, i == 1 ? 1u : 0u);
    EXPECT_TRUE(memory.same_since(generation, sha256(name)));
  }
  for (int i = 0; i < 100; ++i) known += memory.same_since(generation, sha256("s" + std::to_string(i))) ? 1 : 0;
  EXPECT_GT(known, 0u);
  EXPECT_LT(known, 50u);
  // One that alone is too much is matched all the same.
  vuln::Inventory large{{"debian", "12"}, {}};
  for (int i = 0; i < 200; ++i) large.packages.push_back(of("s" + std::to_string(i)).packages.front());
  EXPECT_EQ(memory.match(sha256("large"), large, {}).counts.unknown, 1u);
  EXPECT_FALSE(memory.same_since(generation, sha256("large")));
}

}  // namespace
}  // namespace postern::ems
