// Every instruction set that this processor has says what a loop over single slots says.
#include "posture/population/kernels.h"

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <vector>

#include "posture/population/program.h"

namespace postern::posture {
namespace {

constexpr std::size_t kTestLines = 8, kTestSlots = kTestLines * kLineSlots;

std::vector<const Kernels*> kernels_here() {
  std::vector<const Kernels*> out;
  for (const auto set : {InstructionSet::kPlain, InstructionSet::kSse2, InstructionSet::kSsse3, InstructionSet::kAvx2,
                         InstructionSet::kAvx512}) {
    if (const Kernels* kernels = kernels_of(set)) out.push_back(kernels);
  }
  return out;
}

class KernelsTest : public ::testing::TestWithParam<const Kernels*> {
 protected:
  std::uint32_t below(std::uint32_t bound) { return static_cast<std::uint32_t>(random_() % bound); }
  std::vector<std::uint8_t> some_table(std::size_t codes) {
    constexpr Verdict kVerdicts[] = {Verdict::kNoMatch, Verdict::kUnknown, Verdict::kMatch};
    std::vector<std::uint8_t> table((codes + 15) / 16 * 16, 0xFF);
    for (std::size_t code = 0; code < codes; ++code) {
      table[code] = 0;
      for (std::size_t lane = 0; lane < kLanes; ++lane) table[code] |= lane_bits(kVerdicts[below(3)], lane);
    }
    return table;
  }
  /// Runs `work(lanes, out)` and compares with what the table says of each code.
  template <class T, class Work>
  void expect_verdicts(const std::vector<T>& codes, const std::vector<std::uint8_t>& table, Work&& work) {
    for (std::size_t lanes = 1; lanes <= kLanes; ++lanes) {
      std::vector<Line> lines(kLanes * kTestLines, Line{});
      std::array<Line*, kLanes> out;
      for (std::size_t lane = 0; lane < kLanes; ++lane) out[lane] = lines.data() + lane * kTestLines;
      work(lanes, out.data());
      for (std::size_t lane = 0; lane < lanes; ++lane) {
        for (std::size_t slot = 0; slot < kTestSlots; ++slot) {
          ASSERT_EQ(verdict_in(out[lane][slot / kLineSlots], slot % kLineSlots), lane_verdict(table[codes[slot]], lane))
              << "lane " << lane << " slot " << slot << " code " << std::size_t{codes[slot]};
        }
      }
      for (std::size_t rest = lanes * kTestLines; rest < lines.size(); ++rest) ASSERT_EQ(lines[rest], Line{});
    }
  }
  std::vector<Line> some_lines() {
    std::vector<Line> out(kTestLines);
    for (Line& line : out) {
      for (std::size_t w = 0; w < kLineWords; ++w) {
        line.maybe[w] = random_() << 32 ^ random_();
        line.has[w] = line.maybe[w] & (random_() << 32 ^ random_());
      }
    }
    return out;
  }
  std::mt19937_64 random_{11};
};

TEST_P(KernelsTest, CodesOfOneByte) {
  for (const std::size_t codes : {1u, 2u, 7u, 8u, 9u, 16u, 17u, 32u, 33u, 64u, 65u, 127u, 128u, 129u, 200u, 256u}) {
    SCOPED_TRACE(codes);
    const auto table = some_table(codes);
    std::vector<std::uint8_t> from(kTestSlots);
    for (auto& code : from) code = static_cast<std::uint8_t>(below(static_cast<std::uint32_t>(codes)));
    expect_verdicts(from, table, [&](std::size_t lanes, Line* const* out) {
      GetParam()->verdicts8(from.data(), kTestLines, table.data(), codes, lanes, out);
    });
  }
}

TEST_P(KernelsTest, WiderCodesAndLooseBytes) {
  const auto table = some_table(5000);
  std::vector<std::uint16_t> two(kTestSlots);
  std::vector<std::uint32_t> four(kTestSlots);
  std::vector<std::uint8_t> bytes(kTestSlots), same(256);
  for (std::size_t i = 0; i < kTestSlots; ++i) {
    four[i] = two[i] = static_cast<std::uint16_t>(below(5000));
    bytes[i] = some_table(1)[0];
  }
  for (std::size_t i = 0; i < same.size(); ++i) same[i] = static_cast<std::uint8_t>(i);
  expect_verdicts(two, table, [&](std::size_t lanes, Line* const* out) {
    GetParam()->verdicts16(two.data(), kTestLines, table.data(), lanes, out);
  });
  expect_verdicts(four, table, [&](std::size_t lanes, Line* const* out) {
    GetParam()->verdicts32(four.data(), kTestLines, table.data(), lanes, out);
  });
  expect_verdicts(bytes, same, [&](std::size_t lanes, Line* const* out) {
    GetParam()->spread(bytes.data(), kTestLines, lanes, out);
  });
}

TEST_P(KernelsTest, LogicIsThatOfSingleVerdicts) {
  using Op = LogicStep::Op;
  std::vector<std::vector<Line>> operands;
  std::vector<const Line*> places;
  for (int i = 0; i < 6; ++i) places.push_back(operands.emplace_back(some_lines()).data());
  for (int round = 0; round < 60; ++round) {
    std::vector<LogicStep> steps;
    std::size_t aside = 0;
    const auto any = [&] { return below(6); };
    steps.push_back({below(2) == 0 ? Op::kTake : Op::kTakeNot, any()});
    for (std::uint32_t i = 0, n = below(12); i < n; ++i) {
      const auto op = static_cast<Op>(2 + below(7));
      if (op == Op::kPutAside) {
        steps.push_back({op, 0});
        steps.push_back({below(2) == 0 ? Op::kTake : Op::kTakeNot, any()});
        ++aside;
      } else if (op == Op::kAndAside || op == Op::kOrAside) {
        if (aside == 0) continue;
        steps.push_back({op, 0});
        --aside;
      } else {
        steps.push_back({op, any()});
      }
    }
    const auto before = some_lines();
    std::vector<Line> out(kTestLines);
    EXPECT_TRUE(GetParam()->join(steps.data(), steps.size(), places.data(), kTestLines, before.data(), out.data()));
    for (std::size_t slot = 0; slot < kTestSlots; ++slot) {
      const Verdict expected = run_steps(steps, [&](std::uint32_t operand) {
        return verdict_in(operands[operand][slot / kLineSlots], slot % kLineSlots);
      });
      ASSERT_EQ(verdict_in(out[slot / kLineSlots], slot % kLineSlots), expected)
          << "round " << round << " slot " << slot;
    }
    auto same = out;
    EXPECT_FALSE(GetParam()->join(steps.data(), steps.size(), places.data(), kTestLines, same.data(), out.data()));
    same[below(kTestLines)].maybe[below(kLineWords)] ^= std::uint64_t{1} << below(64);
    EXPECT_TRUE(GetParam()->join(steps.data(), steps.size(), places.data(), kTestLines, same.data(), out.data()));
  }
}

TEST_P(KernelsTest, CountsOnlySlotsInUse) {
  const auto lines = some_lines();
  std::vector<std::uint64_t> in_use(kTestSlots / 64);
  for (auto& word : in_use) word = random_();
  std::uint64_t has = 5, unknown = 7;
  GetParam()->tally(lines.data(), in_use.data(), kTestLines, has, unknown);
  std::uint64_t expected_has = 5, expected_unknown = 7;
  for (std::size_t slot = 0; slot < kTestSlots; ++slot) {
    if ((in_use[slot / 64] >> slot % 64 & 1) == 0) continue;
    const Verdict verdict = verdict_in(lines[slot / kLineSlots], slot % kLineSlots);
    expected_has += verdict == Verdict::kMatch ? 1 : 0;
    expected_unknown += verdict == Verdict::kUnknown ? 1 : 0;
  }
  EXPECT_EQ(has, expected_has);
  EXPECT_EQ(unknown, expected_unknown);
}

INSTANTIATE_TEST_SUITE_P(All, KernelsTest, ::testing::ValuesIn(kernels_here()),
                         [](const auto& info) { return std::string(instruction_set_name(info.param->set)); });

TEST(Kernels, TheBestIsTheLastThatIsThere) {
  EXPECT_EQ(&best_kernels(), kernels_here().back());
  EXPECT_NE(kernels_of(InstructionSet::kPlain), nullptr);
}

}  // namespace
}  // namespace postern::posture
