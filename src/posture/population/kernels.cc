#include "posture/population/kernels.h"

#include <functional>

#include "posture/population/kernel_sets.h"

namespace postern::posture {

std::string_view instruction_set_name(InstructionSet set) {
  switch (set) {
    case InstructionSet::kPlain:
      return "plain";
    case InstructionSet::kSse2:
      return "sse2";
    case InstructionSet::kSsse3:
      return "ssse3";
    case InstructionSet::kAvx2:
      return "avx2";
    case InstructionSet::kAvx512:
      return "avx512";
  }
  return "plain";
}

const Kernels* kernels_of(InstructionSet set) {
  switch (set) {
    case InstructionSet::kPlain:
      return &plain::kKernels;
#if POSTERN_X86_KERNELS
    case InstructionSet::kSse2:
      return &sse2::kKernels;  // every x86-64 has it
    case InstructionSet::kSsse3:
      return __builtin_cpu_supports("ssse3") ? &ssse3::kKernels : nullptr;
    case InstructionSet::kAvx2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt") ? &avx2::kKernels : nullptr;
    case InstructionSet::kAvx512:
      return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                     __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vbmi")
                 ? &avx512::kKernels
                 : nullptr;
#else
    default:
      break;
#endif
  }
  return nullptr;
}

const Kernels& best_kernels() {
  static const Kernels& best = [] {
    for (auto set : {InstructionSet::kAvx512, InstructionSet::kAvx2, InstructionSet::kSsse3, InstructionSet::kSse2}) {
      if (const Kernels* kernels = kernels_of(set)) return std::ref(*kernels);
    }
    return std::ref(plain::kKernels);
  }();
  return best;
}

}  // namespace postern::posture
