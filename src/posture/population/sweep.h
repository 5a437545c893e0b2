#pragma once
// Evaluation of many endpoints: strips of slots whose conditions and facts stay in the cache while tag after tag is
// worked out from them.
#include <functional>

#include "posture/population/population.h"

namespace postern::posture {

/// Thread: one.
class Population::Sweep {
 public:
  /// Prepares what these conditions need.
  Sweep(Population& population, std::span<const ConditionId> conditions);

  /// Goes through all strips. `strip(page, line)` is called with the verdicts of the strip of kStripLines lines ready.
  template <class Strip>
  void run(Strip&& strip) {
    for (std::size_t page = 0; page < population_.pages(); ++page) {
      for (std::size_t line = 0; line < kPageLines; line += kStripLines) {
        ready(page, line);
        strip(page, line);
      }
    }
  }
  /// Of the strip that is ready: the verdicts that the steps give. Null: they are those of `before`. Valid until the
  /// next call.
  const Line* join(std::span<const LogicStep> steps, const Line* before);
  /// A condition that is judged per endpoint was judged anew.
  void renew(ConditionId id, std::size_t page, std::size_t line);

  static constexpr std::size_t kStripLines = 16;

 private:
  struct Work {
    const FactColumn* column = nullptr;
    std::uint32_t group = 0;
    std::size_t lanes = 0;
    std::array<Line*, kLanes> out{};
    std::array<ConditionId, kLanes> ids{kNone, kNone, kNone, kNone};
  };
  void ready(std::size_t page, std::size_t line);
  void ready(const Work& work, std::size_t page, std::size_t line);
  /// All slots of the strip report nothing (or nothing that differs).
  void alike(const Work& work, std::uint8_t byte);

  Population& population_;
  std::vector<Work> works_;
  std::vector<ConditionId> kept_, tags_;
  std::vector<const Line*> operands_;  ///< By ConditionId: the strip's lines.
  std::vector<Line> lines_;
  std::array<Line, kStripLines> joined_, unused_;
  alignas(64) std::array<std::uint8_t, kStripLines * kLineSlots> bytes_;
};

}  // namespace postern::posture
