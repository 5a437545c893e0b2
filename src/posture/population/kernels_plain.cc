#include "posture/population/kernel_sets.h"

#define POSTERN_VECTOR 8
#define POSTERN_SHUFFLE 0
#define POSTERN_COUNT(x) count_bits(x)
#define POSTERN_PERMUTE 0
namespace postern::posture::plain {
namespace {
#include "posture/population/kernels_body.inc"
}  // namespace

const Kernels kKernels{InstructionSet::kPlain, verdicts8, verdicts16, verdicts32, spread, join, tally};

}  // namespace postern::posture::plain
#undef POSTERN_VECTOR
#undef POSTERN_SHUFFLE
#undef POSTERN_PERMUTE
#undef POSTERN_COUNT
