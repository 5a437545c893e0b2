#include "posture/population/kernel_sets.h"

#if POSTERN_X86_KERNELS
#include <immintrin.h>

#pragma GCC push_options
#pragma GCC target("sse2")
#define POSTERN_VECTOR 16
#define POSTERN_SHUFFLE 0
#define POSTERN_COUNT(x) count_bits(x)
#define POSTERN_PERMUTE 0
#define POSTERN_COMPARE_CODES 8
namespace postern::posture::sse2 {
namespace {
#include "posture/population/kernels_body.inc"
}  // namespace

const Kernels kKernels{InstructionSet::kSse2, verdicts8, verdicts16, verdicts32, spread, join, tally};

}  // namespace postern::posture::sse2
#undef POSTERN_VECTOR
#undef POSTERN_SHUFFLE
#undef POSTERN_PERMUTE
#undef POSTERN_COUNT
#undef POSTERN_COMPARE_CODES
#pragma GCC pop_options
#endif
