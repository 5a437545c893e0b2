#pragma once
// The two inner loops of evaluation, once per instruction set, and the choice between them at run time: codes become
// verdicts of up to four conditions at once, and a tag's logic joins conditions, both for whole lines of slots.
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "posture/population/planes.h"

namespace postern::posture {

enum class InstructionSet : std::uint8_t { kPlain, kSse2, kSsse3, kAvx2, kAvx512 };
std::string_view instruction_set_name(InstructionSet set);  ///< "plain", "sse2", "ssse3", "avx2", "avx512".

/// Conditions of one column whose verdicts stand in one byte per code: that of lane 0 in the two highest bits, "match"
/// above "match or unknown", that of lane 3 in the two lowest.
inline constexpr std::size_t kLanes = 4;
constexpr unsigned lane_shift(std::size_t lane) { return static_cast<unsigned>(6 - 2 * lane); }
constexpr std::uint8_t lane_bits(Verdict verdict, std::size_t lane) {
  const unsigned bits = verdict == Verdict::kMatch ? 3 : verdict == Verdict::kUnknown ? 1 : 0;
  return static_cast<std::uint8_t>(bits << lane_shift(lane));
}
constexpr Verdict lane_verdict(std::uint8_t byte, std::size_t lane) {
  const unsigned bits = byte >> lane_shift(lane) & 3u;
  return bits == 3 ? Verdict::kMatch : bits == 1 ? Verdict::kUnknown : Verdict::kNoMatch;
}

/// One step of a tag's logic. It works on a verdict per slot in hand, and on those that were put aside.
struct LogicStep {
  enum class Op : std::uint8_t {
    kTake,     ///< The operand.
    kTakeNot,  ///< Its opposite.
    kAnd,      ///< Joined with what is in hand.
    kAndNot,
    kOr,
    kOrNot,
    kPutAside,
    kAndAside,  ///< What was put aside last, joined with what is in hand.
    kOrAside,
  };
  constexpr LogicStep() = default;
  constexpr LogicStep(Op what, std::uint32_t which) : op(what), operand(which & 0xFFF'FFFF) {}

  Op op : 4 = Op::kTake;
  std::uint32_t operand : 28 = 0;
};
static_assert(sizeof(LogicStep) == 4);
inline constexpr std::size_t kMostAside = 80;

struct Kernels {
  InstructionSet set;
  /// `lines` * 256 codes. `table` has a byte per code, `codes` of them, rounded up to 16 with anything. Writes the
  /// verdicts of the first `lanes` conditions.
  void (*verdicts8)(const std::uint8_t* from, std::size_t lines, const std::uint8_t* table, std::size_t codes,
                    std::size_t lanes, Line* const* out);
  void (*verdicts16)(const std::uint16_t* from, std::size_t lines, const std::uint8_t* table, std::size_t lanes,
                     Line* const* out);
  void (*verdicts32)(const std::uint32_t* from, std::size_t lines, const std::uint8_t* table, std::size_t lanes,
                     Line* const* out);
  /// From bytes as the table has them.
  void (*spread)(const std::uint8_t* bytes, std::size_t lines, std::size_t lanes, Line* const* out);
  /// REQUIRES: `lines` is a multiple of 4, and the steps begin with a take. True if `out` differs from `before`.
  bool (*join)(const LogicStep* steps, std::size_t count, const Line* const* operands, std::size_t lines,
               const Line* before, Line* out);
  /// Adds how many of the slots in use (a bit each) have it, and of how many it is unknown.
  void (*tally)(const Line* of, const std::uint64_t* in_use, std::size_t lines, std::uint64_t& has,
                std::uint64_t& unknown);
};

/// Null: this processor hasn't it, or the program was built for another architecture.
const Kernels* kernels_of(InstructionSet set);
/// The fastest that this processor has.
const Kernels& best_kernels();

}  // namespace postern::posture
