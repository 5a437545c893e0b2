// A change that memory is too short for leaves tags that the next change of the endpoint puts right.
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <new>
#include <string>

#include "posture/compiled_tag.h"
#include "posture/population/population.h"
#include "posture/test_facts.h"

namespace {
/// Allocations of this thread until one fails; below zero: none does.
thread_local long allocations_left = -1;

void* allocate(std::size_t size) {
  if (allocations_left >= 0 && allocations_left-- == 0) throw std::bad_alloc();
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
}  // namespace

void* operator new(std::size_t size) { return allocate(size); }
void* operator new[](std::size_t size) { return allocate(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  try {
    return allocate(size);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

namespace postern::posture {
namespace {

std::shared_ptr<const CompiledTag> files_tag(const std::string& name, const std::string& logic) {
  TagDefinition tag;
  tag.name = TagName(name);
  for (std::uint32_t id = 1; id <= 2; ++id) {
    RuleSpec rule;
    rule.id = id;
    rule.type = "file";
    rule.parameters["paths"] = std::vector<std::string>{id == 1 ? "/a" : "/b"};
    tag.rules.push_back(std::move(rule));
  }
  tag.logic[OsFamily::kLinux] = logic;
  auto compiled = compile_tag(tag);
  EXPECT_TRUE(compiled.has_value());
  return std::make_shared<const CompiledTag>(std::move(*compiled));
}

TEST(ShortMemory, LeavesNothingToTheNextChange) {
  using testing::known;
  const std::string a = keys::file_exists("/a"), b = keys::file_exists("/b");
  std::size_t failed = 0;
  for (long after = 0; after < 200; ++after) {
    Population population;
    const Slot one = population.add(testing::kNow), other = population.add(testing::kNow);
    ASSERT_TRUE(population.set_tag(1, files_tag("both", "1 and 2"), testing::kNow));
    ASSERT_TRUE(population.set_tag(2, files_tag("either", "1 or 2"), testing::kNow));
    ASSERT_TRUE(population.set_tag(3, files_tag("neither", "not (1 or 2)"), testing::kNow));
    for (const Slot slot : {one, other}) {
      population.set(slot, std::string(keys::kOsFamily), testing::text("linux"), testing::kNow);
      population.set(slot, a, known(true), testing::kNow);
      population.set(slot, b, known(slot == one), testing::kNow);
    }
    const Fact no = known(false), yes = known(true);
    const Population::Change changes[] = {{a, &no}, {b, &no}};
    try {
      allocations_left = after;
      population.apply(one, changes, testing::kNow);
      allocations_left = -1;
    } catch (const std::bad_alloc&) {
      allocations_left = -1;
      ++failed;
    }
    population.set(other, b, yes, testing::kNow);
    EXPECT_EQ(population.state(other, 1), TagState::kHas) << after;
    EXPECT_EQ(population.state(other, 3), TagState::kAbsent) << after;
    population.set(one, std::string(keys::kHostName), testing::text("any"), testing::kNow);
    std::vector<TagEffect> effects;
    population.evaluate(testing::kNow, &effects);
    EXPECT_TRUE(effects.empty()) << after;
    if (failed > 0 && static_cast<long>(failed) <= after - 5) break;  // it has all that it needs by now
  }
  EXPECT_GT(failed, 0u);
}

}  // namespace
}  // namespace postern::posture
