#include "posture/population/kernel_sets.h"

#if POSTERN_X86_KERNELS
#include <immintrin.h>

#pragma GCC push_options
#pragma GCC target("ssse3")
#define POSTERN_VECTOR 16
#define POSTERN_SHUFFLE 1
#define POSTERN_COUNT(x) count_bits(x)
#define POSTERN_PERMUTE 0
#define POSTERN_SHUFFLE_CODES 64
namespace postern::posture::ssse3 {
namespace {
#include "posture/population/kernels_body.inc"
}  // namespace

const Kernels kKernels{InstructionSet::kSsse3, verdicts8, verdicts16, verdicts32, spread, join, tally};

}  // namespace postern::posture::ssse3
#undef POSTERN_VECTOR
#undef POSTERN_SHUFFLE
#undef POSTERN_PERMUTE
#undef POSTERN_COUNT
#undef POSTERN_SHUFFLE_CODES
#pragma GCC pop_options
#endif
