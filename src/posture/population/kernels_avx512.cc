#include "posture/population/kernel_sets.h"

#if POSTERN_X86_KERNELS
#include <immintrin.h>

#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512vbmi,popcnt")
#define POSTERN_VECTOR 64
#define POSTERN_SHUFFLE 0
#define POSTERN_COUNT(x) static_cast<std::uint64_t>(__builtin_popcountll(x))
#define POSTERN_PERMUTE 1
// One step looks up 128 codes.
namespace postern::posture::avx512 {
namespace {
#include "posture/population/kernels_body.inc"
}  // namespace

const Kernels kKernels{InstructionSet::kAvx512, verdicts8, verdicts16, verdicts32, spread, join, tally};

}  // namespace postern::posture::avx512
#undef POSTERN_VECTOR
#undef POSTERN_SHUFFLE
#undef POSTERN_PERMUTE
#undef POSTERN_COUNT
#pragma GCC pop_options
#endif
