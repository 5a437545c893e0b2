#include "posture/population/kernel_sets.h"

#if POSTERN_X86_KERNELS
#include <immintrin.h>

#pragma GCC push_options
#pragma GCC target("avx2,popcnt")
#define POSTERN_VECTOR 32
#define POSTERN_SHUFFLE 1
#define POSTERN_COUNT(x) static_cast<std::uint64_t>(__builtin_popcountll(x))
#define POSTERN_PERMUTE 0
#define POSTERN_SHUFFLE_CODES 64
namespace postern::posture::avx2 {
namespace {
#include "posture/population/kernels_body.inc"
}  // namespace

const Kernels kKernels{InstructionSet::kAvx2, verdicts8, verdicts16, verdicts32, spread, join, tally};

}  // namespace postern::posture::avx2
#undef POSTERN_VECTOR
#undef POSTERN_SHUFFLE
#undef POSTERN_PERMUTE
#undef POSTERN_COUNT
#undef POSTERN_SHUFFLE_CODES
#pragma GCC pop_options
#endif
