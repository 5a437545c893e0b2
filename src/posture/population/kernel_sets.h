#pragma once
// Where each instruction set's loops stand. Only kernels.cc chooses.
#include "posture/population/kernels.h"

// They are compiled by GCC's `#pragma GCC target`, which clang (our fuzzers, clang-tidy) doesn't know: it gets the portable ones.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define POSTERN_X86_KERNELS 1
#else
#define POSTERN_X86_KERNELS 0
#endif

namespace postern::posture {

/// Where the processor has no instruction for it.
inline std::uint64_t count_bits(std::uint64_t x) {
  x -= x >> 1 & 0x5555555555555555;
  x = (x & 0x3333333333333333) + (x >> 2 & 0x3333333333333333);
  return ((x + (x >> 4)) & 0x0F0F0F0F0F0F0F0F) * 0x0101010101010101 >> 56;
}

namespace plain {
extern const Kernels kKernels;
}
#if POSTERN_X86_KERNELS
namespace sse2 {
extern const Kernels kKernels;
}
namespace ssse3 {
extern const Kernels kKernels;
}
namespace avx2 {
extern const Kernels kKernels;
}
namespace avx512 {
extern const Kernels kKernels;
}
#endif
}  // namespace postern::posture
